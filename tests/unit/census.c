/* census: unit tests of the flows that a stage writes down, and of the table of many stages'. */
#include "libcommon/stage/census.h"

#include <sys/mman.h>
#include <unistd.h>

#include "cmd/flows/flows.h"
#include "tests/unit/check.h"

static struct census_page *look; /* as who looks has it */
static int file;

static struct census *make(void)
{
	int fd = memfd_create("flows", 0);
	char text[16];

	if (fd < 0 || ftruncate(fd, CENSUS_PAGE) < 0)
		abort();
	look = mmap(NULL, CENSUS_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	snprintf(text, sizeof(text), "%d", fd);
	setenv("WEIR_FLOWS_FD", text, 1);
	file = dup(fd);
	return census_open("flow");
}

static void test_page(void)
{
	struct rec_key key = { .orig_h = { 4, { 192, 0, 2, 1 } },
			       .resp_h = { 4, { 192, 0, 2, 2 } },
			       .orig_p = 1000,
			       .resp_p = 80,
			       .proto = 6 };
	const struct census_flow *rows;
	struct census *c;
	char text[16];

	check_case("without a file of that size there is no census");
	unsetenv("WEIR_FLOWS_FD");
	CHECK(!census_open("flow"));
	setenv("WEIR_FLOWS_FD", "0", 1);
	CHECK(!census_open("flow"));
	setenv("WEIR_FLOWS_FD", "9999", 1);
	CHECK(!census_open("flow"));

	check_case("it is answered once for each time that it was asked");
	c = make();
	CHECK(c && look->magic == CENSUS_MAGIC && !strcmp(look->stage, "flow"));
	CHECK(!census_asked(c));
	look->asked++;
	CHECK(census_asked(c));
	census_begin(c);
	CHECK(look->sequence & 1);
	census_key(census_add(c, 7), &key);
	look->asked++; /* by another, too late for this answer */
	census_end(c, 99);
	CHECK(!(look->sequence & 1) && look->answered == 1 && census_asked(c));
	rows = (const struct census_flow *)(const void *)((const uint8_t *)look + CENSUS_HEAD);
	CHECK(look->rows == 1 && look->flows == 1 && look->now == 99);
	CHECK(rows[0].flow == 7 && rows[0].ip_version == 4 && rows[0].addr[1][3] == 2);
	CHECK(rows[0].port[0] == 1000 && rows[0].port[1] == 80 && rows[0].proto == 6);

	check_case("flows beyond the room are counted");
	census_begin(c);
	for (uint64_t i = 0; i < CENSUS_ROWS + 5; i++)
		census_add(c, i)->start = i;
	census_end(c, 100);
	CHECK_EQ(look->rows, CENSUS_ROWS);
	CHECK_EQ(look->flows, CENSUS_ROWS + 5);
	CHECK(rows[CENSUS_ROWS - 1].flow == CENSUS_ROWS - 1 && !census_asked(c));

	check_case("a successor of one that died while it wrote begins with an even number");
	look->sequence |= 1;
	snprintf(text, sizeof(text), "%d", file);
	setenv("WEIR_FLOWS_FD", text, 1);
	census_close(c);
	c = census_open("flow");
	CHECK(c && !(look->sequence & 1));
	census_close(c);
}

static bool has(const struct buf *text, const char *what)
{
	return memmem(text->ptr, text->len, what, strlen(what)) != NULL;
}

static void test_join(void)
{
	struct census_flow flow[] = {
		{ .flow = 9,
		  .start = 1000000000,
		  .last = 2000000000,
		  .packets = { 3, 4 },
		  .bytes = { 30, 40 },
		  .ip_version = 4,
		  .proto = 17,
		  .port = { 5, 53 },
		  .addr = { { 10, 0, 0, 1 }, { 10, 0, 0, 2 } },
		  .state = "SF" },
		{ .flow = 2,
		  .start = 500000000,
		  .last = 500000000,
		  .bytes = { 1, 0 },
		  .ip_version = 6,
		  .proto = 6,
		  .port = { 1, 2 },
		  .state = "S\"\x1b[2J" },
	};
	struct census_flow reasm[] = { { .flow = 2, .held = { 100, 20 } },
				       { .flow = (uint64_t)40 << 48 | 1, .held = { 0, 1 } } };
	struct census_flow http[] = { { .flow = 2, .held = { 0, 7 } } };
	struct flows_part parts[] = { { "flow", 3000000000, 2, flow, 2 },
				      { "reasm", 0, 2, reasm, 2 },
				      { "http", 0, 1, http, 1 } };
	struct buf text = { 0 };
	struct flows_row *rows;
	size_t n;

	check_case("what stages know of a flow is one row, by ascending id");
	rows = flows_join(parts, 3, FLOWS_BY_ID, &n);
	CHECK_EQ(n, 3);
	CHECK(rows[0].f.flow == 2 && rows[1].f.flow == 9);
	CHECK(rows[0].nholders == 2 && rows[0].f.held[0] == 100 && rows[0].f.held[1] == 27);
	CHECK(rows[0].now == 3000000000 && !rows[2].f.start && !rows[2].f.ip_version);

	check_case("the JSON of a row; an id that a double can't hold is a string");
	flows_json(rows + 1, 1, &text);
	CHECK(bytes_is(buf_bytes(&text),
		       "{\"flow\":9,\"proto\":\"udp\",\"orig_h\":\"10.0.0.1\",\"orig_p\":5,"
		       "\"resp_h\":\"10.0.0.2\",\"resp_p\":53,\"conn_state\":\"SF\","
		       "\"start\":1.000000000,\"last\":2.000000000,\"age\":2.000000000,"
		       "\"idle\":1.000000000,\"orig_pkts\":3,\"resp_pkts\":4,\"orig_bytes\":30,"
		       "\"resp_bytes\":40,\"orig_held\":0,\"resp_held\":0,\"held\":{}}\n"));
	text.len = 0;
	flows_json(rows + 2, 1, &text);
	CHECK(bytes_is(buf_bytes(&text), "{\"flow\":\"11258999068426241\",\"orig_held\":0,"
					 "\"resp_held\":1,\"held\":{\"reasm\":1}}\n"));

	check_case("a state that is none of ours is cut where it is no letter or digit");
	text.len = 0;
	flows_table(rows, n, &text);
	CHECK(has(&text, "[::]:1") && has(&text, "reasm=120 http=7") && !has(&text, "\x1b"));
	flows_json(rows, 1, &text);
	CHECK(has(&text, "\"conn_state\":\"S\""));
	free(rows);

	check_case("the largest first, by what is asked for");
	rows = flows_join(parts, 3, FLOWS_BY_BYTES, &n);
	CHECK(rows[0].f.flow == 9 && rows[1].f.flow == 2);
	free(rows);
	rows = flows_join(parts, 3, FLOWS_BY_HELD, &n);
	CHECK(rows[0].f.flow == 2 && rows[1].f.flow > 9);
	free(rows);
	rows = flows_join(parts, 3, FLOWS_BY_IDLE, &n);
	CHECK(rows[0].f.flow == 2 && rows[1].f.flow == 9);
	free(rows);
	rows = flows_join(parts, 0, FLOWS_BY_ID, &n);
	CHECK_EQ(n, 0);
	free(rows);
	buf_release(&text);
}

int main(void)
{
	test_page();
	test_join();
	return check_end();
}
