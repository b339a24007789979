/* launch_tap: which ring is meant by who wants to look on. */
#include <stdio.h>
#include <string.h>

#include "libcommon/run/launch_private.h"

static const char *writer_of(const struct launch *l, size_t ring)
{
	return l->runners[l->ring_writer[ring]].stage->name;
}

/* "flow (by stage 'flow'), ..." */
static void list_rings(const struct launch *l, const char *what, char *reply, size_t size)
{
	size_t n = (size_t)snprintf(reply, size, "%s; it has:", what);

	for (size_t i = 0; i < l->pipeline.nrings && n < size; i++)
		n += (size_t)snprintf(reply + n, size - n, "%s %s (of stage '%s')", i ? "," : "",
				      l->ring_names[i], writer_of(l, i));
}

int launch_tap(const struct launch *l, const char *name, char *reply, size_t size)
{
	size_t found = 0, at = 0;
	char what[96];

	for (size_t i = 0; i < l->pipeline.nrings; i++) {
		if (strcmp(l->ring_names[i], name) == 0)
			return l->pipeline.rings[i].fd_read;
		if (!*name || strcmp(writer_of(l, i), name) == 0) {
			at = i;
			found++;
		}
	}
	if (found == 1)
		return l->pipeline.rings[at].fd_read;
	if (!*name)
		snprintf(what, sizeof(what), "the pipeline has %s",
			 found ? "several rings" : "no ring");
	else if (found)
		snprintf(what, sizeof(what), "stage '%.40s' writes several rings", name);
	else
		snprintf(what, sizeof(what),
			 "there is no ring, and no stage that writes one, '%.40s'", name);
	list_rings(l, what, reply, size);
	return -1;
}
