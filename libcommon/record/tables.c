/* tables: the descriptions of all built-in record types and enumerations, from proto/. */
#include "libcommon/record/types.h"

#define ENUM(name, what) static const char *const name##_values[] = {
#define VALUE(name, id, num, text) [num] = text,
#define ENUM_END(name)                                                                             \
	}                                                                                          \
	;
#include "proto/enums.def"
#undef ENUM
#undef VALUE
#undef ENUM_END

#define ENUM(name_, what_)                                                                         \
	const struct rec_enum rec_enum_##name_ = {                                                 \
		.name = #name_,                                                                    \
		.what = what_,                                                                     \
		.values = name_##_values,                                                          \
		.count = sizeof(name_##_values) / sizeof(name_##_values[0]),                       \
	};
#define VALUE(name, id, num, text)
#define ENUM_END(name)
#include "proto/enums.def"
#undef ENUM
#undef VALUE
#undef ENUM_END

#define REC_TABLES
#include "libcommon/record/record.h"

#include <stdlib.h>

#define KEY(r)
#define FIELD(r, type, name, what)
#define OPT(r, type, name, what)
#define EFIELD(r, en, name, what)
#define EOPT(r, en, name, what)
#define LIST(r, type, name, what)
#define SUBS(r, sub, name, what)
#define HFIELD(r, type, name, what)
#define PAYLOAD(r, what)
#define RECORD(name, id, major, what) &rec_##name##_desc,
#define END(name)
#define SUBRECORD(name, what)
#define SUBEND(name)
#define HOT(name, id, major, what) &rec_##name##_desc,
#define HOT_END(name)
const struct rec_desc *rec_builtin[] = {
#include "proto/records.def"
};
#include "libcommon/record/expand_undef.h"
const size_t rec_builtin_count = sizeof(rec_builtin) / sizeof(rec_builtin[0]);

static int by_id(const void *a, const void *b)
{
	const struct rec_desc *const *x = a, *const *y = b;

	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

/* The .def files group types by subject; everyone else wants them by id. */
static void __attribute__((constructor)) sort_builtin(void)
{
	qsort(rec_builtin, rec_builtin_count, sizeof(rec_builtin[0]), by_id);
}

const struct rec_desc *rec_builtin_find(uint16_t id)
{
	size_t low = 0, high = rec_builtin_count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (rec_builtin[mid]->id == id)
			return rec_builtin[mid];
		if (rec_builtin[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct rec_desc *rec_builtin_named(struct bytes name)
{
	for (size_t i = 0; i < rec_builtin_count; i++)
		if (bytes_is(name, rec_builtin[i]->name))
			return rec_builtin[i];
	return NULL;
}

const char *rec_kind_name(enum rec_kind k)
{
	static const char *const names[] = {
		[REC_BOOL] = "bool",   [REC_U8] = "u8",     [REC_U16] = "u16", [REC_U32] = "u32",
		[REC_U64] = "u64",     [REC_I64] = "i64",   [REC_F64] = "f64", [REC_STR] = "str",
		[REC_BYTES] = "bytes", [REC_RAW] = "raw",   [REC_IP] = "ip",   [REC_IP16] = "ip16",
		[REC_MAC] = "mac",     [REC_TIME] = "time", [REC_DUR] = "dur", [REC_ENUM] = "enum",
		[REC_SUB] = "sub",
	};

	return (size_t)k < sizeof(names) / sizeof(names[0]) ? names[k] : "raw";
}
