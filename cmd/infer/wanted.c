/* wanted: which guesses those who follow them take notice of. */
#include <stdlib.h>

#include "cmd/infer/infer.h"
#include "libcommon/stage/l7.h"
#include "made/parsers.h"

const struct l7_parser *const infer_parsers[] = { WEIR_PARSERS, NULL };

static void parser_add(const struct l7_parser *p, const struct protocols *names, bool *wanted)
{
	for (size_t i = 0; p->protocols && p->protocols[i]; i++)
		wanted[protocol_find(names, bytes_str(p->protocols[i]))] = true;
}

static void name_add(const char *name, const struct protocols *names, bool *wanted)
{
	uint16_t protocol = protocol_find(names, bytes_str(name));
	bool all = strcmp(name, "all") == 0, known = protocol || all;

	wanted[protocol] = true;
	for (size_t i = 0; infer_parsers[i]; i++) {
		if (!all && strcmp(name, infer_parsers[i]->name) != 0)
			continue;
		parser_add(infer_parsers[i], names, wanted);
		known = true;
	}
	if (!known)
		die_usage("--protocols: there is neither a parser nor a protocol '%s'", name);
}

void wanted_read(const char *list, const struct protocols *names, bool wanted[PROTOCOLS_MAX])
{
	char *words = strdup(list), *save = NULL;

	if (!words)
		die("out of memory");
	if (!list[strspn(list, ",")])
		die_usage("--protocols: '%s' names none", list);
	for (char *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save))
		name_add(w, names, wanted);
	free(words);
	wanted[PROTOCOL_NONE] = false;
}
