/* paths: tunnel paths, each kept once: a tree of steps with a hash over (parent, step). */
#include "libcommon/net/paths.h"

#include "libcommon/net/flow_key.h"

_Static_assert((int)PATHS_SECRET_WORDS == (int)FLOW_SECRET_WORDS, "steps are hashed as flow keys");

/* Node 0 is the empty path, the parent of all outermost steps. */
struct path_node {
	struct flow_key key; /* parent and step */
	uint32_t next;       /* in the bucket, or of the free ones */
	uint32_t refs;       /* takers and children */
};

struct paths {
	uint64_t secret[PATHS_SECRET_WORDS];
	uint64_t refused;
	uint32_t limit, mask;   /* nodes beside 0; buckets - 1 */
	uint32_t used, touched; /* nodes; those above `touched` were never used */
	uint32_t free;          /* 0: none */
	struct path_node *nodes;
	uint32_t buckets[];
};

_Static_assert(offsetof(struct paths, buckets) % 8 == 0, "nodes behind buckets are aligned");

static uint32_t limit_of(uint32_t steps)
{
	return !steps ? PATHS_DEFAULT : steps > 1u << 24 ? 1u << 24 : steps;
}

static uint32_t buckets_of(uint32_t limit)
{
	uint32_t n = 2;

	while (n < limit)
		n *= 2;
	return n;
}

size_t paths_size(uint32_t steps)
{
	uint32_t limit = limit_of(steps);

	return sizeof(struct paths) + buckets_of(limit) * sizeof(uint32_t) +
	       (limit + (size_t)1) * sizeof(struct path_node);
}

struct paths *paths_init(void *memory, uint32_t steps, const uint64_t secret[PATHS_SECRET_WORDS])
{
	struct paths *p = memory;
	uint32_t limit = limit_of(steps), buckets = buckets_of(limit);

	memset(p, 0, sizeof(*p) + buckets * sizeof(uint32_t));
	memcpy(p->secret, secret, sizeof(p->secret));
	p->limit = limit;
	p->mask = buckets - 1;
	p->nodes = (struct path_node *)(p->buckets + buckets); /* buckets are even in number */
	return p;
}

/* A step and its parent, in the 48 bytes of a key. */
static struct flow_key node_key(uint32_t parent, const struct layers_step *s)
{
	struct flow_key k = { .scope = s->id,
			      .port = { (uint16_t)parent, (uint16_t)(parent >> 16) },
			      .proto = s->kind,
			      .ip_version = s->ip_version,
			      .zero = { s->has_id } };

	memcpy(k.addr[0], s->src, 16);
	memcpy(k.addr[1], s->dst, 16);
	return k;
}

static uint32_t *bucket_of(struct paths *p, const struct flow_key *k)
{
	return &p->buckets[flow_key_hash(k, p->secret) & p->mask];
}

static uint32_t node_new(struct paths *p, const struct flow_key *k, uint32_t *bucket)
{
	uint32_t i = p->free;

	if (i)
		p->free = p->nodes[i].next;
	else if (p->touched < p->limit)
		i = ++p->touched;
	else
		return 0;
	p->used++;
	p->nodes[i].key = *k;
	p->nodes[i].refs = 0;
	p->nodes[i].next = *bucket;
	*bucket = i;
	return i;
}

static uint32_t parent_of(const struct path_node *n)
{
	return n->key.port[0] | (uint32_t)n->key.port[1] << 16;
}

/* Removes what nobody holds any more, from a path's end on. */
static void prune(struct paths *p, uint32_t i)
{
	while (i && !p->nodes[i].refs) {
		struct path_node *n = &p->nodes[i];
		uint32_t *link = bucket_of(p, &n->key), parent = parent_of(n);

		while (*link != i)
			link = &p->nodes[*link].next;
		*link = n->next;
		n->next = p->free;
		p->free = i;
		p->used--;
		if (parent)
			p->nodes[parent].refs--;
		i = parent;
	}
}

uint32_t paths_take(struct paths *p, const struct layers *l)
{
	uint32_t parent = 0;

	for (unsigned s = 0; s < l->nsteps; s++) {
		struct flow_key k = node_key(parent, &l->steps[s]);
		uint32_t *bucket = bucket_of(p, &k), i = *bucket;

		while (i && !flow_key_equal(&p->nodes[i].key, &k))
			i = p->nodes[i].next;
		if (!i) {
			i = node_new(p, &k, bucket);
			if (!i) {
				prune(p, parent);
				p->refused++;
				return 0;
			}
			if (parent)
				p->nodes[parent].refs++;
		}
		parent = i;
	}
	if (parent)
		p->nodes[parent].refs++;
	return parent;
}

void paths_drop(struct paths *p, uint32_t path)
{
	if (!path)
		return;
	p->nodes[path].refs--;
	prune(p, path);
}

unsigned paths_get(const struct paths *p, uint32_t path, struct layers_step steps[LAYERS_MAX])
{
	unsigned n = 0;

	for (uint32_t i = path; i; i = parent_of(&p->nodes[i]))
		n++;
	for (unsigned at = n; path; path = parent_of(&p->nodes[path])) {
		const struct flow_key *k = &p->nodes[path].key;
		struct layers_step *s = &steps[--at];

		memset(s, 0, sizeof(*s));
		s->id = k->scope;
		memcpy(s->src, k->addr[0], 16);
		memcpy(s->dst, k->addr[1], 16);
		s->kind = k->proto;
		s->ip_version = k->ip_version;
		s->has_id = k->zero[0];
	}
	return n;
}

uint64_t paths_refused(const struct paths *p)
{
	return p->refused;
}

uint32_t paths_steps(const struct paths *p)
{
	return p->used;
}
