/* weir-ask: packets out, and their answers. */
#include "cmd/ask/ask.h"

/* "-" in an expression's place: the packets are frames of the input. */
static bool takes_frames(int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++) {
		/* Behind -i and -o it is an endpoint. */
		if (strcmp(argv[i], "-") != 0 || strcmp(argv[i - 1], "-i") == 0 ||
		    strcmp(argv[i - 1], "--in") == 0 || strcmp(argv[i - 1], "-o") == 0 ||
		    strcmp(argv[i - 1], "--out") == 0)
			continue;
		for (; i + 1 < *argc; i++)
			argv[i] = argv[i + 1];
		argv[--*argc] = NULL;
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	bool frames = takes_frames(&argc, argv);
	int code = stage_main(frames ? &ask_frames_ops : &ask_expression_ops, argc, argv);

	ask_release();
	return code;
}
