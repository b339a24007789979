/* texts: proto/signatures and proto/ports as bytes of the program, so that wherever the program is
 * its tables are, and no path has to be found before the sandbox closes. */
#include "cmd/infer/texts.h"

#define TEXT(name, file)                                                                           \
	__asm__(".section .rodata\n"                                                               \
		".global weir_text_" #name "\nweir_text_" #name ":\n"                              \
		".incbin \"" file "\"\n"                                                           \
		".global weir_text_" #name "_end\nweir_text_" #name "_end:\n"                      \
		".byte 0\n.previous\n");                                                           \
	extern const uint8_t weir_text_##name[], weir_text_##name##_end[]

TEXT(signatures, "proto/signatures");
TEXT(ports, "proto/ports");

struct bytes text_signatures(void)
{
	return BYTES(weir_text_signatures,
		     (size_t)(weir_text_signatures_end - weir_text_signatures));
}

struct bytes text_ports(void)
{
	return BYTES(weir_text_ports, (size_t)(weir_text_ports_end - weir_text_ports));
}
