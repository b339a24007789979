/* expand: turns the X-macro file named by REC_DEF into structs, ids and declarations; with
 * REC_TABLES defined, into the tables behind them. No include guard: it is included once per
 * use. A custom type is declared with
 *
 *     #define REC_DEF "line.def"
 *     #include <libcommon/record/expand.h>
 *
 * and, in one .c file, with REC_TABLES defined before. The macros that a .def may use are
 * listed in proto/README.md. */
#include "libcommon/record/types.h"

#define KEY(r) struct rec_key key;
#define FIELD(r, type, name, what) rec_##type name;
#define OPT(r, type, name, what) opt_##type name;
#define EFIELD(r, en, name, what) uint32_t name;
#define EOPT(r, en, name, what) struct rec_opt name;
#define LIST(r, type, name, what) struct rec_list name;
#define SUBS(r, sub, name, what) struct rec_list name;
#define HFIELD(r, type, name, what) rec_##type name;
#define PAYLOAD(r, what) struct bytes payload;
#define RECORD(name, id, major, what) struct rec_##name {
#define END(name) \
	}         \
	;
#define SUBRECORD(name, what) struct rec_##name {
#define SUBEND(name) \
	}            \
	;
#define HOT(name, id, major, what) struct rec_##name {
#define HOT_END(name) \
	}             \
	;
#include REC_DEF
#include "libcommon/record/expand_undef.h"

#define KEY(r)
#define FIELD(r, type, name, what)
#define OPT(r, type, name, what)
#define EFIELD(r, en, name, what)
#define EOPT(r, en, name, what)
#define LIST(r, type, name, what)
#define SUBS(r, sub, name, what)
#define HFIELD(r, type, name, what)
#define PAYLOAD(r, what)
#define RECORD(name, id, major, what)       \
	enum { REC_##name = id };           \
	extern const struct rec_desc rec_##name##_desc;
#define END(name)
#define SUBRECORD(name, what) extern const struct rec_desc rec_##name##_desc;
#define SUBEND(name)
#define HOT(name, id, major, what) RECORD(name, id, major, what)
#define HOT_END(name)
#include REC_DEF
#include "libcommon/record/expand_undef.h"

#ifdef REC_TABLES
#define ROW(r, name, kind, shape, at, en, sub, what) \
	{ name, kind, shape, offsetof(struct rec_##r, at), en, sub, what },
#define KEY(r)                                                                               \
	ROW(r, "proto", REC_U8, REC_ONE, key.proto, NULL, NULL, "IP protocol")               \
	ROW(r, "orig_h", REC_IP, REC_OPT, key.orig_h, NULL, NULL, "originator's address")    \
	ROW(r, "orig_p", REC_U16, REC_ONE, key.orig_p, NULL, NULL,                           \
	    "originator's port, ICMP type")                                                  \
	ROW(r, "resp_h", REC_IP, REC_OPT, key.resp_h, NULL, NULL, "responder's address")     \
	ROW(r, "resp_p", REC_U16, REC_ONE, key.resp_p, NULL, NULL, "responder's port, ICMP code")
#define FIELD(r, type, name, what) ROW(r, #name, REC_KIND_##type, REC_ONE, name, NULL, NULL, what)
#define OPT(r, type, name, what) ROW(r, #name, REC_KIND_##type, REC_OPT, name, NULL, NULL, what)
#define EFIELD(r, en, name, what) \
	ROW(r, #name, REC_ENUM, REC_ONE, name, &rec_enum_##en, NULL, what)
#define EOPT(r, en, name, what) \
	ROW(r, #name, REC_ENUM, REC_OPT, name, &rec_enum_##en, NULL, what)
#define LIST(r, type, name, what) \
	ROW(r, #name, REC_KIND_##type, REC_LIST, name, NULL, NULL, what)
#define SUBS(r, sub, name, what) \
	ROW(r, #name, REC_SUB, REC_LIST, name, NULL, &rec_##sub##_desc, what)
#define HFIELD(r, type, name, what) FIELD(r, type, name, what)
#define PAYLOAD(r, what) ROW(r, "payload", REC_BYTES, REC_ONE, payload, NULL, NULL, what)
#define RECORD(name, id, major, what) static const struct rec_field rec_##name##_fields[] = {
#define END(name) \
	}         \
	;
#define SUBRECORD(name, what) RECORD(name, 0, 0, what)
#define SUBEND(name) END(name)
#define HOT(name, id, major, what) RECORD(name, id, major, what)
#define HOT_END(name) END(name)
#include REC_DEF
#include "libcommon/record/expand_undef.h"

#define KEY(r)
#define FIELD(r, type, name, what)
#define OPT(r, type, name, what)
#define EFIELD(r, en, name, what)
#define EOPT(r, en, name, what)
#define LIST(r, type, name, what)
#define SUBS(r, sub, name, what)
#define HFIELD(r, type, name, what)
#define PAYLOAD(r, what)
#define DESC(name_, id_, major_, hot_, what_)                                               \
	const struct rec_desc rec_##name_##_desc = {                                        \
		.name = #name_, .what = what_, .id = id_, .major = major_, .hot = hot_,     \
		.size = sizeof(struct rec_##name_), .fields = rec_##name_##_fields,         \
		.nfields = sizeof(rec_##name_##_fields) / sizeof(rec_##name_##_fields[0]),  \
	};
#define RECORD(name, id, major, what) DESC(name, id, major, false, what)
#define END(name)
#define SUBRECORD(name, what) DESC(name, 0, 0, false, what)
#define SUBEND(name)
#define HOT(name, id, major, what) DESC(name, id, major, true, what)
#define HOT_END(name)
#include REC_DEF
#include "libcommon/record/expand_undef.h"
#undef DESC
#undef ROW
#endif
#undef REC_DEF
