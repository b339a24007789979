/* graph: pipelines from a line and from a file, what is said of wrong ones, and the plan. */
#include "libcommon/run/graph.h"

#include "libcommon/run/check.h"
#include "libcommon/run/plan.h"
#include "tests/unit/check.h"

static struct graph g;
static struct buf why;

/* ---- a machine with a few tools ---- */

static enum check_program program(void *ctx, const char *name)
{
	static const char *const own[] = { "capture", "read", "flow", "reasm", "dns",
					   "http",    "tls",  "json", "shard" };

	(void)ctx;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(own[i], name) == 0)
			return CHECK_OWN;
	return strncmp(name, "./", 2) == 0 ? CHECK_OTHER : CHECK_MISSING;
}

static const char *near(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "raed") == 0 ? "read" : NULL;
}

static const char *const *options(void *ctx, const char *name, const bool **takes)
{
	static const char *const source[] = { "--count", "-n", "--out", "-o", NULL };
	static const char *const parser[] = { "--only", "--max-flows", "--checksum",
					      "--in",   "-i",          NULL };
	static const bool source_takes[] = { true, true, true, true };
	static const bool parser_takes[] = { false, true, false, true, true };

	(void)ctx;
	*takes = strcmp(name, "read") == 0 ? source_takes : parser_takes;
	return strcmp(name, "read") == 0 ? source : parser;
}

static const struct check_world world = { NULL, program, near, options, true };

/* ---- helpers ---- */

static void begin(void)
{
	graph_free(&g);
	buf_release(&why);
}

static bool line(const char *text)
{
	begin();
	return graph_from_line(&g, text, &why) && graph_check(&g, &world);
}

static bool file(const char *text)
{
	begin();
	return graph_from_ini(&g, bytes_str(text), "f", &why) && graph_check(&g, &world);
}

static bool said(const char *text)
{
	if (why.len && memmem(why.ptr, why.len, text, strlen(text)))
		return true;
	printf("# not said: %s\n# but: %.*s", text, (int)why.len, (const char *)why.ptr);
	return false;
}

static bool words(const struct graph_words *w, const char *text)
{
	struct buf all = { 0 };
	bool equal;

	for (size_t i = 0; i < w->n; i++)
		buf_printf(&all, "%s%s", i ? " " : "", w->v[i]);
	equal = bytes_is(buf_bytes(&all), text) || (!all.len && !*text);
	if (!equal)
		printf("# '%.*s'\n", (int)all.len, (const char *)all.ptr);
	buf_release(&all);
	return equal;
}

static bool planned(const char *text)
{
	struct buf out = { 0 };
	bool equal;

	plan_print(&g, &world, NULL, &out);
	equal = bytes_is(buf_bytes(&out), text);
	if (!equal)
		printf("# %.*s", (int)out.len, (const char *)out.ptr);
	buf_release(&out);
	return equal;
}

/* ---- cases ---- */

static void lines(void)
{
	check_case("a line is stages in a row, each link named after its writer");
	CHECK(line("read 'a b.pcap' -n 3|flow | json"));
	CHECK_EQ(g.nstages, 3);
	CHECK(words(&g.stages[0].run, "read a b.pcap -n 3"));
	CHECK_EQ(g.stages[0].run.n, 4);
	CHECK(words(&g.stages[0].out, "read") && words(&g.stages[1].in, "read"));
	CHECK(words(&g.stages[2].in, "flow") && words(&g.stages[2].out, ""));

	check_case("in a fan-out each branch gets --only, and its join reads the trunk as well");
	CHECK(line("read x | reasm | { dns, http --only, ./mine.py 'a,b' } | json"));
	CHECK(words(&g.stages[2].run, "dns --only") && words(&g.stages[3].run, "http --only"));
	CHECK(words(&g.stages[4].run, "./mine.py a,b --only"));
	CHECK(words(&g.stages[5].in, "reasm dns http mine"));

	check_case("a fan-out that nothing joins has no --only");
	CHECK(line("read x | { json, flow | json }"));
	CHECK(words(&g.stages[1].run, "json") && words(&g.stages[1].in, "read"));
	CHECK(words(&g.stages[3].in, "flow"));
	CHECK(strcmp(g.stages[3].name, "json-2") == 0);

	check_case("sources side by side are joined by what follows");
	CHECK(line("{ read a, read b } | flow"));
	CHECK(words(&g.stages[2].in, "read read-2"));

	check_case("a branch may be a chain");
	CHECK(line("read x | { flow | dns, http } | json"));
	CHECK(words(&g.stages[2].in, "flow") && words(&g.stages[3].in, "read"));
	CHECK(words(&g.stages[4].in, "read dns http"));

	check_case("what is out of place is named");
	CHECK(!line("read x | | json") && said("a stage is missing before '|'"));
	CHECK(!line("read x |") && said("a stage is missing at the end, behind '|'"));
	CHECK(!line("") && said("a stage is missing"));
	CHECK(!line("read x | { dns, http | json") && said("a '}' is missing at the end"));
	CHECK(!line("read x | { dns, { http } }") && said("a stage is missing before '{'"));
	CHECK(!line("read x } | json") && said("'}' is out of place"));
	CHECK(!line("read 'x | json") && said("a quote is open"));
	CHECK(!line("read \"\1|\" | json") && said("control character"));

	check_case("every prefix of a line is a pipeline or a message");
	static const char whole[] =
		"read 'a' \"b\" \\c | reasm | { dns, ./m.py | http } | json -o \"x\"";

	for (size_t n = 0; n < sizeof(whole); n++) {
		char part[sizeof(whole)];

		memcpy(part, whole, n);
		part[n] = 0;
		CHECK(line(part) == (why.len == 0));
	}
}

#define HEAD "[stage r]\nrun = read x\nout = a\n"
#define TAIL "[stage j]\nrun = json\nin = a\n"

static void files(void)
{
	check_case("a file's sections and keys arrive where they belong");
	CHECK(file("; comment\n[pipeline]\nname = edge\nring-size = 4M\nstop-timeout = 3s\n"
		   "backoff = 200ms\nbackoff-max = 2s\n[link a]\nsize = 2M\nreaders = j\n" HEAD TAIL
		   "cpu = 0,2-3\nnice = -5\nrestart = never\nmax = 5/60s\non-fail = isolate\n"));
	CHECK(strcmp(g.name, "edge") == 0);
	CHECK_EQ(g.ring_size, 4 << 20);
	CHECK_EQ(g.stop_ms, 3000);
	CHECK_EQ(g.backoff_ms, 200);
	CHECK_EQ(g.backoff_max_ms, 2000);
	CHECK_EQ(g.links[0].size, 2 << 20);
	CHECK(strcmp(g.stages[1].cpu, "0,2-3") == 0);
	CHECK_EQ(g.stages[1].nice, -5);
	CHECK_EQ(g.stages[1].restart, GRAPH_NEVER);
	CHECK_EQ(g.stages[1].max, 5);
	CHECK_EQ(g.stages[1].max_secs, 60);
	CHECK(g.stages[1].isolate);

	check_case("a long command goes on behind a blank");
	CHECK(file(HEAD "[stage j]\nrun = json\n  --checksum\n\t--max-flows 3\nin = a\n"));
	CHECK(words(&g.stages[1].run, "json --checksum --max-flows 3"));

	check_case("what is wrong is said with its line, all of it");
	CHECK(!file("[pipeline]\nnam = x\n[stage r]\nrun = read\nquux = 1\n[stick]\na = b\n"));
	CHECK(said("f:2: unknown key 'nam'; did you mean 'name'?"));
	CHECK(said("f:5: unknown key 'quux'\n"));
	CHECK(said("f:6: sections are [pipeline], [stage NAME] and [link NAME], not [stick]"));
	CHECK_EQ(g.wrong, 3);
	CHECK(!file("a = b\n") && said("f:1: 'a' stands in front of the first section"));
	CHECK(!file(HEAD "nonsense\n") && said("f:4: is neither"));
	CHECK(!file(HEAD HEAD) && said("f:4: there is a stage 'r' already"));
	CHECK(!file("[stage a/b]\nrun = read\n") && said("f:1: a stage's name"));
	CHECK(!file("[pipeline]\nring-size = 4\n") && said("f:2: a ring's size is 1M to 1G"));
	CHECK(!file("[pipeline]\nring-size = 99999999999G\n") && said("f:2: a ring's size"));
	CHECK(!file("[pipeline]\nstop-timeout = 3d\n") && said("f:2: a time is 1ms to 24h"));
	CHECK(!file("[pipeline]\nbackoff-max = 9ms\nbackoff = 10ms\n" HEAD TAIL) &&
	      said("f:2: backoff-max is less than backoff, 10 ms"));
	CHECK(!file("[pipeline]\nbackoff-max = 49ms\n" HEAD TAIL) &&
	      said("f:2: backoff-max is less than backoff, 50 ms"));
	CHECK(file("[pipeline]\nbackoff-max = 50ms\n" HEAD TAIL));
	CHECK(!file("[stage r]\ncpu = 3-2\n") && said("f:2: '3-2' is no list of processors"));
	CHECK(!file("[stage r]\nnice = 20\n") && said("f:2: nice is -20 to 19"));
	CHECK(!file("[stage r]\nrestart = maybe\n") &&
	      said("f:2: 'maybe' is none of never, on-failure"));
	CHECK(!file("[stage r]\nmax = 0\n") && said("f:2: max is"));
	CHECK(!file("[stage r]\nrun = read x\nout = a\nrun = flow\n" TAIL) &&
	      said("f:4: 'run' is in this section twice"));

	check_case("a file may begin with a byte order mark");
	CHECK(file("\xef\xbb\xbf" HEAD TAIL));

	check_case("a line that is too long, or holds a zero, is refused");
	struct buf text = { 0 };

	buf_add_str(&text, "[stage r]\nrun = read ");
	for (int i = 0; i < 300; i++)
		buf_add_byte(&text, 'x');
	buf_add_byte(&text, 0);
	CHECK(!file((const char *)text.ptr) && said("f:2: longer than 198 bytes"));
	begin();
	CHECK(!graph_from_ini(&g, BYTES("[stage r]\nrun = a\0b\n", 20), "f", &why));
	CHECK(said("f:2: there is a zero byte in it"));
	buf_release(&text);

	check_case("no byte of a file comes back as a line of its own");
	CHECK(!file("[stage r]\nrun = read\n\x1b[2Jx = 1\n") && said("unknown key '?[2Jx'"));
}

static void sense(void)
{
	check_case("programs and options that are not there, with the nearest name");
	CHECK(!line("raed x | json") &&
	      said("stage 'raed': no program 'raed'; did you mean 'read'?"));
	CHECK(!line("read x | dns --onyl") &&
	      said("'dns' has no option --onyl; did you mean --only?"));
	CHECK(!line("read x | dns -z") && said("'dns' has no option -z"));
	CHECK(line("read x | dns --max-flows --strange --no-checksum --max-flows=-3"));
	CHECK(!line("flow | read x") && said("'read' reads no records"));
	CHECK(!line("read x | json | json") &&
	      said("stage 'json-2' reads what 'json' writes, and that is no records"));

	check_case("links that nobody writes, nobody reads, or two write");
	CHECK(!file(HEAD "[stage j]\nrun = json\nin = b\n"));
	CHECK(said("f:6: stage 'j' reads 'b', which no stage writes"));
	CHECK(said("f:3: nobody reads link 'a': stage 'r' would wait for ever"));
	CHECK(!file(HEAD TAIL "[stage s]\nrun = read y\nout = a\n"));
	CHECK(said("f:9: link 'a' has two writers, 'r' and 's'"));
	CHECK(!file(HEAD TAIL "[link zz]\n") && said("f:7: no stage writes link 'zz'"));
	CHECK(!file(HEAD "[stage j]\nrun = json\nin = a a\n") &&
	      said("f:6: stage 'j' names 'a' twice"));

	check_case("a lossless reader that nobody is, and readers that are not named");
	CHECK(!file(HEAD TAIL "[link a]\nreaders = j k r\n"));
	CHECK(said("f:8: link 'a': there is no stage 'k'"));
	CHECK(said("f:8: link 'a' waits for 'r', which does not read it"));
	CHECK(!file(HEAD TAIL "[stage d]\nrun = dns\nin = a\n[link a]\nreaders = j\n"));
	CHECK(said("f:11: link 'a': 'd' reads it, too"));
	CHECK(!file(HEAD TAIL "[link a]\nreaders = j:drop\n") && said("is for live sources alone"));
	CHECK(file("[stage c]\nrun = capture\nout = a\n[stage f]\nrun = flow\nin = a\nout = b\n"
		   "[stage j]\nrun = json\nin = b\n[stage k]\nrun = json\nin = b\n"
		   "[link b]\nreaders = j k:drop\n"));
	CHECK(!file("[stage c]\nrun = capture\nout = a\n"
		    "[stage j]\nrun = json\nin = a\nshard = 2\n[link a]\nreaders = j:drop\n"));
	CHECK(!file(HEAD TAIL "[link a]\nreaders = j:loose\n") && said("'loose' is no mode"));

	check_case("stages that wait for each other");
	CHECK(!file(HEAD "[stage f]\nrun = flow\nin = a c\nout = b\n"
			 "[stage g]\nrun = flow\nin = b\nout = c\n"));
	CHECK(said("f:4: these stages wait for each other: 'f', 'g'"));

	check_case("branches that pass on the same to one join");
	CHECK(!file(HEAD
		    "[stage d]\nrun = dns\nin = a\nout = d\n"
		    "[stage h]\nrun = http\nin = a\nout = h\n[stage j]\nrun = json\nin = d h\n"));
	CHECK(said("f:9: what stage 'h' passes on reaches 'j' twice, through 'd', too"));
	CHECK(file(HEAD "[stage d]\nrun = dns\nin = a\nout = d\n"
			"[stage h]\nrun = http --only\nin = a\nout = h\n"
			"[stage j]\nrun = json\nin = d h\n"));

	check_case("a program that knows no endpoints is joined by a pipe: one in, one out");
	CHECK(!file(HEAD "[stage m]\nrun = ./m.py\nin = a\nout = b\nrestart = on-failure\n"
			 "[stage j]\nrun = json\nin = b\n[stage k]\nrun = json\nin = b\n"));
	CHECK(said("f:8: stage 'm': what a pipe joins can't be restarted"));
	CHECK(said("f:7: stage 'm' writes a pipe, which has one reader"));
	CHECK(!line("{ read x, read y } | ./m.py") &&
	      said("stage 'm' reads a pipe, it has one input"));

	check_case(
		"hosts: all stages have one or none, and rings do not reach from one to another");
	CHECK(!file(HEAD "host = one\n" TAIL) &&
	      said("f:5: stage 'j' has no host =, and others have"));
	CHECK(!file(HEAD "host = one\n" TAIL "host = two\n"));
	CHECK(said("f:7: link 'a' is a ring, which 'two' and 'one' can't share"));

	check_case("endpoints are checked, and two stages do not share standard input");
	CHECK(!file("[stage j]\nrun = json\nin = shm:x,reader=\n") &&
	      said("f:3: 'shm:x,reader=': the reader's name is empty"));
	CHECK(!line("{ json, json }") && said("would both read standard input"));
}

static void plans(void)
{
	check_case("the plan of a chain is commands with named rings, the sink in the foreground");
	CHECK(line("read 'a b' | flow | json"));
	CHECK(planned("weir read 'a b' -o shm:weir.read,readers=flow &\n"
		      "weir flow -o shm:weir.flow,readers=json -i shm:weir.read,reader=flow &\n"
		      "weir json -i shm:weir.flow,reader=json\n"));

	check_case("placement and sizes are in the plan, and whoever knows no rings has FIFOs");
	CHECK(file("[pipeline]\nname = e\nring-size = 2M\n" HEAD
		   "[stage m]\nrun = ./m.py it's\n in = a\nout = b\n" TAIL
		   "cpu = 0\nnice = 3\n[stage k]\nrun = json\nin = b\n") == false);
	CHECK(file("[pipeline]\nname = e\nring-size = 2M\n" HEAD
		   "[stage m]\nrun = ./m.py \"it's\"\nin = a\nout = b\n" TAIL
		   "cpu = 0\nnice = 3\n[stage k]\nrun = json\nin = b\n"));
	CHECK(planned("fifos=$(mktemp -d)\nmkfifo \"$fifos/a.m\" \"$fifos/b.k\"\n"
		      "trap 'rm -r \"$fifos\"' EXIT\n"
		      "weir read x -o shm:e.a,readers=j,size=2M -o \"$fifos/a.m\" &\n"
		      "./m.py 'it'\\''s' <\"$fifos/a.m\" >\"$fifos/b.k\" &\n"
		      "taskset -c 0 nice -n 3 weir json -i shm:e.a,reader=j &\n"
		      "weir json -i \"$fifos/b.k\"\nwait\n"));
}

static void shards(void)
{
	check_case("copies of a stage share its link's flows, and whoever reads them reads all");
	CHECK(file(HEAD "[stage f]\nrun = flow --only\nin = a\nout = b\nshard = 2\ncpu = 1\n"
			"[stage j]\nrun = json\nin = a b\n"));
	CHECK(graph_shard(&g));
	CHECK(planned("weir read x -o shm:weir.a,readers=f-in,j &\n"
		      "weir shard -o shm:weir.f-in-1,readers=f-1 -o shm:weir.f-in-2,readers=f-2 "
		      "-i shm:weir.a,reader=f-in &\n"
		      "taskset -c 1 weir flow --only -o shm:weir.b-1,readers=j -i "
		      "shm:weir.f-in-1,reader=f-1 &\n"
		      "taskset -c 1 weir flow --only -o shm:weir.b-2,readers=j -i "
		      "shm:weir.f-in-2,reader=f-2 &\n"
		      "weir json -i shm:weir.a,reader=j -i shm:weir.b-1,reader=j "
		      "-i shm:weir.b-2,reader=j\n"));

	check_case("stages with as many copies in a row are joined one to one");
	CHECK(file(HEAD "[stage f]\nrun = flow\nin = a\nout = b\nshard = 3\n"
			"[stage d]\nrun = dns\nin = b\nout = c\nshard = 3\n"
			"[stage j]\nrun = json\nin = c\n"));
	CHECK(graph_shard(&g));
	CHECK_EQ(g.nstages, 9);
	CHECK(words(&g.stages[graph_stage_index(&g, "d-2")].in, "b-2"));
	CHECK(words(&g.stages[graph_stage_index(&g, "j")].in, "c-1 c-2 c-3"));

	check_case("copies that don't match, or can't be, are refused with the line");
	CHECK(!file(HEAD "[stage f]\nrun = flow\nin = a\nout = b\nshard = 3\n"
			 "[stage d]\nrun = dns\nin = b\nout = c\nshard = 2\n"
			 "[stage j]\nrun = json\nin = c\n"));
	CHECK(said("f:13: stage 'd' has 2 copies, but 'f', which it reads, has 3"));
	CHECK(!file("[stage r]\nrun = read x\nout = a\nshard = 2\n" TAIL));
	CHECK(said("f:4: stage 'r': copies share one link, a ring"));
	CHECK(!file(HEAD TAIL "shard = 2\n") &&
	      said("f:7: stage 'j': copies would write to one place"));
	CHECK(!file(HEAD TAIL "shard = 17\n") && said("f:7: shard is 1 to 16, not '17'"));

	check_case("more stages than fit are refused, not cut");
	struct buf text = { 0 };

	buf_add_str(&text, HEAD);
	for (int i = 0; i < 5; i++)
		buf_printf(&text, "[stage f%d]\nrun = flow\nin = a\nout = b%d\nshard = 16\n", i, i);
	buf_add_str(&text, "[stage j]\nrun = json\nin = b0 b1 b2 b3 b4\n");
	buf_add_byte(&text, 0);
	file((const char *)text.ptr);
	CHECK(g.wrong == 4); /* each of f1 to f4 passes on to j what f0 does */
	g.wrong = 0;
	CHECK(!graph_shard(&g) && said("more than 60 stages"));
	buf_release(&text);
}

int main(void)
{
	lines();
	files();
	sense();
	plans();
	shards();
	begin();
	return check_end();
}
