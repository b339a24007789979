/* weir-smtp: SMTP records out of streams. */
#include "cmd/smtp/smtp.h"

int main(int argc, char **argv)
{
	return l7_main(&smtp_parser, argc, argv);
}
