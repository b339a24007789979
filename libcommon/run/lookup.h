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

/* Calls fn for each tool found, own ones first; a name is given once. */
void lookup_each(void (*fn)(void *ctx, const char *name, const char *path), void *ctx);

#endif
