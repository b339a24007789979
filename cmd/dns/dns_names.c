/* dns_names: the registered names of types, classes, opcodes, response codes and EDNS options. */
#include "cmd/dns/dns_names.h"

#include <stddef.h>

struct name_of {
	uint16_t number;
	const char *name;
};

/* Ascending numbers: looked up by halving. */
static const struct name_of types[] = {
	{ 1, "A" },          { 2, "NS" },        { 3, "MD" },          { 4, "MF" },
	{ 5, "CNAME" },      { 6, "SOA" },       { 7, "MB" },          { 8, "MG" },
	{ 9, "MR" },         { 10, "NULL" },     { 11, "WKS" },        { 12, "PTR" },
	{ 13, "HINFO" },     { 14, "MINFO" },    { 15, "MX" },         { 16, "TXT" },
	{ 17, "RP" },        { 18, "AFSDB" },    { 19, "X25" },        { 20, "ISDN" },
	{ 21, "RT" },        { 22, "NSAP" },     { 23, "NSAP-PTR" },   { 24, "SIG" },
	{ 25, "KEY" },       { 26, "PX" },       { 27, "GPOS" },       { 28, "AAAA" },
	{ 29, "LOC" },       { 30, "NXT" },      { 31, "EID" },        { 32, "NIMLOC" },
	{ 33, "SRV" },       { 34, "ATMA" },     { 35, "NAPTR" },      { 36, "KX" },
	{ 37, "CERT" },      { 38, "A6" },       { 39, "DNAME" },      { 40, "SINK" },
	{ 41, "OPT" },       { 42, "APL" },      { 43, "DS" },         { 44, "SSHFP" },
	{ 45, "IPSECKEY" },  { 46, "RRSIG" },    { 47, "NSEC" },       { 48, "DNSKEY" },
	{ 49, "DHCID" },     { 50, "NSEC3" },    { 51, "NSEC3PARAM" }, { 52, "TLSA" },
	{ 53, "SMIMEA" },    { 55, "HIP" },      { 56, "NINFO" },      { 57, "RKEY" },
	{ 58, "TALINK" },    { 59, "CDS" },      { 60, "CDNSKEY" },    { 61, "OPENPGPKEY" },
	{ 62, "CSYNC" },     { 63, "ZONEMD" },   { 64, "SVCB" },       { 65, "HTTPS" },
	{ 66, "DSYNC" },     { 99, "SPF" },      { 100, "UINFO" },     { 101, "UID" },
	{ 102, "GID" },      { 103, "UNSPEC" },  { 104, "NID" },       { 105, "L32" },
	{ 106, "L64" },      { 107, "LP" },      { 108, "EUI48" },     { 109, "EUI64" },
	{ 128, "NXNAME" },   { 249, "TKEY" },    { 250, "TSIG" },      { 251, "IXFR" },
	{ 252, "AXFR" },     { 253, "MAILB" },   { 254, "MAILA" },     { 255, "ANY" },
	{ 256, "URI" },      { 257, "CAA" },     { 258, "AVC" },       { 259, "DOA" },
	{ 260, "AMTRELAY" }, { 261, "RESINFO" }, { 262, "WALLET" },    { 32768, "TA" },
	{ 32769, "DLV" },
};

static const struct name_of classes[] = {
	{ 1, "IN" }, { 2, "CS" }, { 3, "CH" }, { 4, "HS" }, { 254, "NONE" }, { 255, "ANY" },
};

static const char *const opcodes[] = {
	"QUERY", "IQUERY", "STATUS", NULL, "NOTIFY", "UPDATE", "DSO"
};

static const char *const rcodes[] = {
	"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",   "REFUSED",
	"YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE",  "DSOTYPENI",
	NULL,       NULL,      NULL,       NULL,       "BADVERS",  "BADKEY",
	"BADTIME",  "BADMODE", "BADNAME",  "BADALG",   "BADTRUNC", "BADCOOKIE",
};

static const struct name_of options[] = {
	{ 1, "LLQ" },
	{ 2, "UL" },
	{ 3, "NSID" },
	{ 5, "DAU" },
	{ 6, "DHU" },
	{ 7, "N3U" },
	{ 8, "ECS" },
	{ 9, "EXPIRE" },
	{ 10, "COOKIE" },
	{ 11, "KEEPALIVE" },
	{ 12, "PADDING" },
	{ 13, "CHAIN" },
	{ 14, "KEY-TAG" },
	{ 15, "EDE" },
	{ 16, "CLIENT-TAG" },
	{ 17, "SERVER-TAG" },
	{ 18, "REPORT-CHANNEL" },
	{ 19, "ZONEVERSION" },
	{ 20292, "UMBRELLA" },
	{ 26946, "DEVICEID" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *name_find(const struct name_of *table, size_t n, uint16_t number)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (table[mid].number == number)
			return table[mid].name;
		if (table[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const char *dns_type_name(uint16_t type)
{
	return name_find(types, COUNT(types), type);
}

const char *dns_class_name(uint16_t class)
{
	return name_find(classes, COUNT(classes), class);
}

const char *dns_opcode_name(uint8_t opcode)
{
	return opcode < COUNT(opcodes) ? opcodes[opcode] : NULL;
}

const char *dns_rcode_name(uint16_t rcode)
{
	return rcode < COUNT(rcodes) ? rcodes[rcode] : NULL;
}

const char *dns_option_name(uint16_t code)
{
	return name_find(options, COUNT(options), code);
}
