/* assembly_group: who of the directions of a group holds how much, for assembly.c. */
#ifndef WEIR_ASSEMBLY_GROUP_H
#define WEIR_ASSEMBLY_GROUP_H

#include "libcommon/net/assembly.h"

/* Moves a direction to the list of those that hold about as much as it does now. */
void holder_update(struct assembly_group *g, struct assembly *a);
/* One that holds at least half of what the largest holder has; NULL: nobody holds anything. */
struct assembly *largest_holder(struct assembly_group *g);

#endif
