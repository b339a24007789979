/* expand: reads proto/layers.def with those macros that whoever includes this has defined as
 * PKT_LAYER, PKT_FIELD, PKT_VFIELD, PKT_END, PKT_BIND.., and forgets them again. */
#ifndef PKT_LAYER
#define PKT_LAYER(id, kind, also, title, ...)
#endif
#ifndef PKT_FIELD
#define PKT_FIELD(l, id, bits, kind, ...)
#endif
#ifndef PKT_VFIELD
#define PKT_VFIELD(l, id, bits, kind, ...)
#endif
#ifndef PKT_END
#define PKT_END(l)
#endif
#ifndef PKT_BIND
#define PKT_BIND(lower, field, value, how, upper)
#endif
#ifndef PKT_LINK
#define PKT_LINK(type, layer)
#endif
#define LAYER(id, kind, also, title, ...) PKT_LAYER(id, kind, also, title, ##__VA_ARGS__)
#define FIELD(l, id, bits, kind, ...) PKT_FIELD(l, id, bits, kind, ##__VA_ARGS__)
#define VFIELD(l, id, bits, kind, ...) PKT_VFIELD(l, id, bits, kind, ##__VA_ARGS__)
#define END(l) PKT_END(l)
#define LINK(type, layer) PKT_LINK(type, layer)
#define BIND(lower, field, value, upper)                                                           \
	PKT_BIND(lower, PKT_##lower##_##field, value, PKT_BIND_VALUE, upper)
#define BIND_NIBBLE(lower, value, upper) PKT_BIND(lower, 0, value, PKT_BIND_NIBBLE, upper)
#define BIND_ALWAYS(lower, upper) PKT_BIND(lower, 0, 0, PKT_BIND_ALWAYS, upper)
#define BIND_AS(lower, field, other)                                                               \
	PKT_BIND(lower, PKT_##lower##_##field, PKT_##other, PKT_BIND_SAME, lower)
#include "proto/layers.def"
#undef LAYER
#undef FIELD
#undef VFIELD
#undef END
#undef LINK
#undef BIND
#undef BIND_NIBBLE
#undef BIND_ALWAYS
#undef BIND_AS
#undef DNS_TYPES
#undef PKT_LAYER
#undef PKT_FIELD
#undef PKT_VFIELD
#undef PKT_END
#undef PKT_BIND
#undef PKT_LINK
