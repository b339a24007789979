/* weir-parse: the records of all parsers, by one process. */
#include "made/parsers.h"

int main(int argc, char **argv)
{
	static const struct l7_parser *const parsers[] = { WEIR_PARSERS, NULL };

	return l7_several_main("parse", "make the records of several protocols out of streams",
			       parsers, argc, argv);
}
