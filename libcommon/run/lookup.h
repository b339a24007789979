/* lookup: finds the programs behind `weir NAME`: the libexec directory first, then PATH. */
#ifndef WEIR_LOOKUP_H
#define WEIR_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

/* The directory of our own tools: $WEIR_EXEC_PATH, else beside this program, else as installed.
 * Put in front of PATH for children, so that tools of one version find each other. */
const char *lookup_libexec(void);
void lookup_export(void);

/* The path of weir-NAME, or false. */
bool lookup_tool(const char *name, char *path, size_t size);

/* What a command's first word leads to, its path in the latter two cases: one of weir's own tools,
 * or another program, which knows no endpoints. */
enum lookup_kind { LOOKUP_MISSING, LOOKUP_OWN, LOOKUP_OTHER };
enum lookup_kind lookup_program(const char *word, char *path, size_t size);

/* The tool nearest to that word, or other name of those given, a list that NULL ends; or NULL. */
const char *lookup_near(const char *word, const char *const *others);

/* The options that one of weir's own tools has, as its --help names them ("--only", "-n"), ended
 * by NULL; with (*takes)[i] the i-th has a value. Kept: asked once for each tool. NULL: it says
 * nothing. */
const char *const *lookup_options(const char *word, const bool **takes);

/* What one of weir's own tools is for, in a line of its --help. False: it says nothing. */
bool lookup_summary(const char *path, char *text, size_t size);

/* Calls fn for each tool found, own ones first; a name is given once. */
void lookup_each(void (*fn)(void *ctx, const char *name, const char *path), void *ctx);

#endif
