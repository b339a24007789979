/* weir-pass: passes everything on. With WEIR_PASS_BAD it does on the first record what no stage
 * may: opens a file, makes a socket, starts a program. With WEIR_PASS_TRAPS="7 9" the records of
 * those frames kill it. With WEIR_PASS_AWAITS it is not ready before somebody opens that FIFO. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libcommon/stage/stage.h"

static const char *bad;
static uint64_t traps[8];

static void misbehave(void)
{
	int fd = -1;

	if (strcmp(bad, "open") == 0)
		fd = open("/etc/passwd", O_RDONLY);
	else if (strcmp(bad, "socket") == 0)
		fd = socket(AF_INET, SOCK_STREAM, 0);
	else if (strcmp(bad, "exec") == 0)
		execl("/bin/true", "true", (char *)NULL);
	else if (strcmp(bad, "fork") == 0)
		fd = fork();
	warn("%s: done, got %d", bad, fd);
}

static void pass_open(struct stage *st, int argc, char **argv)
{
	(void)st;
	(void)argc;
	(void)argv;
	const char *text = getenv("WEIR_PASS_TRAPS");
	char *end;

	bad = getenv("WEIR_PASS_BAD");
	if (getenv("WEIR_PASS_AWAITS"))
		close(open(getenv("WEIR_PASS_AWAITS"), O_RDONLY));
	for (size_t i = 0; text && *text && i < 8; i++, text = end)
		traps[i] = strtoull(text, &end, 10);
}

static void pass_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < 8; k++)
			if (traps[k] && recs[i].head.n == traps[k])
				__builtin_trap();
		stage_pass(st, recs[i].raw);
	}
	if (bad)
		misbehave();
	bad = NULL;
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "pass",
		.summary = "pass everything on",
		.kind = STAGE_FILTER,
		.open = pass_open,
		.batch = pass_batch,
	};
	int code;

	code = stage_main(&ops, argc, argv);
	if (getenv("WEIR_PASS_DIES")) /* when all is closed */
		raise(SIGKILL);
	return code;
}
