/* weir-spec: records of a protocol that a text describes. */
#include "cmd/spec/spec.h"

int main(int argc, char **argv)
{
	return spec_main(argc, argv);
}
