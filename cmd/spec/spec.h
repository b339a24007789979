/* spec: the tool weir-spec. */
#ifndef WEIR_SPEC_H
#define WEIR_SPEC_H

int spec_main(int argc, char **argv);

#endif
