/* weir-http: HTTP/1.x exchanges out of streams. */
#include "cmd/http/http.h"

int main(int argc, char **argv)
{
	return l7_main(&http_parser, argc, argv);
}
