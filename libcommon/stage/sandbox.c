/* sandbox: what a stage gives up before it reads the first byte of input. */
#include "libcommon/stage/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_packet.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libcommon/base/die.h"

enum { NOBODY = 65534, OPEN_FILES = 64, OPEN_SERVED = 512 };
enum { OPENS_FILES = SANDBOX_WRITE_DIR | SANDBOX_READ_FILES | SANDBOX_READ_DIR };

/* Newer than the headers that we build with. */
#define ACCESS_TRUNCATE (1ULL << 14)  /* landlock ABI 3 */
#define ACCESS_IOCTL_DEV (1ULL << 15) /* ABI 5 */

/* What a step lacks, or NULL where it was done. errno says why. */
typedef const char *step(unsigned needs, const char *dir);

static const char *const modes[] = { "require", "try", "off" };

enum sandbox_mode sandbox_given(void)
{
	const char *word = getenv("WEIR_SANDBOX");

	if (!word)
		return SANDBOX_REQUIRE;
	for (unsigned mode = SANDBOX_REQUIRE; mode <= SANDBOX_OFF; mode++)
		if (strcmp(word, modes[mode]) == 0)
			return mode;
	die_usage("WEIR_SANDBOX: '%s' is none of require, try, off", word);
}

void sandbox_hand_on(enum sandbox_mode mode)
{
	setenv("WEIR_SANDBOX", modes[mode], 1);
}

static void limit(int resource, rlim_t most)
{
	struct rlimit r;

	if (getrlimit(resource, &r) == 0 && r.rlim_max > most) {
		r.rlim_cur = r.rlim_max = most;
		setrlimit(resource, &r);
	}
}

static const char *drop_limits(unsigned needs, const char *dir)
{
	(void)dir;
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NPROC, 0);
	/* Not less: poll() refuses more entries than this, though all are open. */
	if (needs == SANDBOX_BASE)
		limit(RLIMIT_NOFILE, OPEN_FILES);
	if (needs & SANDBOX_SERVE)
		limit(RLIMIT_NOFILE, OPEN_SERVED);
	return NULL;
}

/* Root becomes nobody, but where files are still to be opened: those may be root's alone, and
 * without a capability root is no more than their owner. */
static const char *drop_user(unsigned needs, const char *dir)
{
	int parent_death = 0;

	if (geteuid() != 0 || needs & OPENS_FILES || (needs & SANDBOX_LINK && dir))
		return NULL;
	/* A change of user takes back what the launcher asked for. */
	prctl(PR_GET_PDEATHSIG, &parent_death);
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return "a change to user 65534";
	prctl(PR_SET_PDEATHSIG, parent_death);
	return NULL;
}

static const char *drop_bounds(unsigned needs, const char *dir)
{
	(void)needs;
	(void)dir;
	capng_get_caps_process();
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		return NULL; /* nothing to bound: no_new_privs does it */
	capng_clear(CAPNG_SELECT_BOUNDS);
	if (capng_apply(CAPNG_SELECT_BOUNDS) < 0 || capng_lock() < 0)
		return "dropping the bounding set";
	return NULL;
}

static const char *drop_capabilities(unsigned needs, const char *dir)
{
	(void)needs;
	(void)dir;
	capng_get_caps_process();
	capng_clear(CAPNG_SELECT_CAPS);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? "dropping capabilities" : NULL;
}

static const char *drop_privs(unsigned needs, const char *dir)
{
	(void)needs;
	(void)dir;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return "no_new_privs";
	prctl(PR_SET_DUMPABLE, 0);
	return NULL;
}

/* ---- landlock ---- */

static bool allow_below(int rules, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr attr = { .allowed_access = access };
	bool done;

	attr.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (attr.parent_fd < 0)
		return false;
	done = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) == 0;
	close(attr.parent_fd);
	return done;
}

static const char *drop_paths(unsigned needs, const char *dir)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = (1ULL << 13) - 1 };
	uint64_t change = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
			  LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
			  LANDLOCK_ACCESS_FS_REFER | ACCESS_TRUNCATE;
	uint64_t see = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	/* Without it nothing can be opened anyway, or only to be read. */
	const char *lacks = needs & SANDBOX_WRITE_DIR ? "landlock" : NULL;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int rules;
	bool done;

	if (abi < 1)
		return lacks;
	if (abi >= 2)
		attr.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		attr.handled_access_fs |= ACCESS_TRUNCATE;
	if (abi >= 5)
		attr.handled_access_fs |= ACCESS_IOCTL_DEV;
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules < 0)
		return lacks;
	done = (!(needs & SANDBOX_WRITE_DIR) ||
		allow_below(rules, dir, (see | change) & attr.handled_access_fs)) &&
	       (!(needs & SANDBOX_LINK) || !dir ||
		allow_below(rules, dir,
			    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_SOCK)) &&
	       (!(needs & SANDBOX_READ_FILES) || allow_below(rules, "/", see)) &&
	       (!(needs & SANDBOX_READ_DIR) || allow_below(rules, dir, see)) &&
	       syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	close(rules);
	return done ? NULL : "landlock";
}

/* ---- seccomp ---- */

static const int base_calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(fstat),
	SCMP_SYS(ftruncate),
	SCMP_SYS(futex),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(nanosleep),
	SCMP_SYS(munmap),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigsuspend),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(getrandom),
	SCMP_SYS(sched_yield),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getrusage),
	SCMP_SYS(sysinfo),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* Confined to a directory by landlock. */
static const int write_calls[] = {
	SCMP_SYS(openat),    SCMP_SYS(renameat), SCMP_SYS(renameat2),  SCMP_SYS(unlinkat),
	SCMP_SYS(mkdirat),   SCMP_SYS(fsync),    SCMP_SYS(fdatasync),  SCMP_SYS(pwrite64),
	SCMP_SYS(fallocate), SCMP_SYS(statx),    SCMP_SYS(getdents64),
};

/* No new socket: what listens was made before, and nothing can be called up. A thread that was
 * started before may still be on its way to its first line: what the C library does then. */
static const int serve_calls[] = {
	SCMP_SYS(accept),      SCMP_SYS(accept4),           SCMP_SYS(recvmsg),
	SCMP_SYS(recvfrom),    SCMP_SYS(sendmsg),           SCMP_SYS(sendto),
	SCMP_SYS(shutdown),    SCMP_SYS(getsockname),       SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),  SCMP_SYS(setsockopt),        SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),         SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),        SCMP_SYS(sched_getaffinity),
};

/* From sockets that are open; to set one up, bind it or send is past. */
static const int capture_calls[] = { SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(recvfrom) };

/* From sockets that are open: what may be sent there, and where, was settled before. */
static const int send_calls[] = { SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg) };

static const int read_calls[] = { SCMP_SYS(statx), SCMP_SYS(getdents64) };

/* NNG's threads, which are there before, though not all of them may have begun to run. */
static const int link_calls[] = {
	SCMP_SYS(epoll_wait),  SCMP_SYS(epoll_pwait),     SCMP_SYS(epoll_ctl),
	SCMP_SYS(accept4),     SCMP_SYS(accept),          SCMP_SYS(connect),
	SCMP_SYS(getsockopt),  SCMP_SYS(setsockopt),      SCMP_SYS(getsockname),
	SCMP_SYS(getpeername), SCMP_SYS(sendmsg),         SCMP_SYS(sendto),
	SCMP_SYS(recvmsg),     SCMP_SYS(recvfrom),        SCMP_SYS(shutdown),
	SCMP_SYS(unlink),      SCMP_SYS(set_robust_list), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(rseq),
};

/* What the C library tries and does without: malloc moves blocks by copying, stdio takes its
 * output for a file. mprotect and mremap would get round the rights of a mapping. */
static const struct {
	int call, err;
} refused_calls[] = {
	{ SCMP_SYS(mremap), ENOMEM },
	{ SCMP_SYS(mprotect), EACCES },
	{ SCMP_SYS(ioctl), ENOTTY },
};

static bool allow(scmp_filter_ctx f, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0) < 0)
			return false;
	return true;
}

static bool allow_if(scmp_filter_ctx f, int call, struct scmp_arg_cmp cmp)
{
	return seccomp_rule_add_array(f, SCMP_ACT_ALLOW, call, 1, &cmp) == 0;
}

static bool base_rules(scmp_filter_ctx f)
{
	uint64_t self = (uint64_t)getpid();

	for (size_t i = 0; i < sizeof(refused_calls) / sizeof(refused_calls[0]); i++)
		if (seccomp_rule_add(f, SCMP_ACT_ERRNO((uint32_t)refused_calls[i].err),
				     refused_calls[i].call, 0) < 0)
			return false;
	return allow(f, base_calls, sizeof(base_calls) / sizeof(base_calls[0])) &&
	       allow_if(f, SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
	       allow_if(f, SCMP_SYS(kill), SCMP_A0(SCMP_CMP_EQ, self, 0)) &&
	       allow_if(f, SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, self, 0)) &&
	       /* a ring asks whether the other side is alive; stdio for an open mode */
	       allow_if(f, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_OFD_GETLK, 0)) &&
	       allow_if(f, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_GETFL, 0)) &&
	       /* fstat() by another name */
	       allow_if(f, SCMP_SYS(newfstatat),
			SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
}

/* A socket of the three families; the C library's look at the interfaces, and its files, when it
 * reads a numeric address, are refused and missed by nobody. */
static bool link_rules(scmp_filter_ctx f)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6 };
	static const int commands[] = { F_GETFD, F_SETFD, F_SETFL };
	bool done = allow(f, link_calls, sizeof(link_calls) / sizeof(link_calls[0])) &&
		    allow_if(f, SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0)) &&
		    seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 0) == 0 &&
		    seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
				     SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0)) == 0;

	for (size_t i = 0; i < 3; i++)
		done = done &&
		       allow_if(f, SCMP_SYS(socket),
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0)) &&
		       allow_if(f, SCMP_SYS(fcntl),
				SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i], 0));
	return done;
}

/* What a packet socket has counted, and why it says that something is wrong. */
static bool capture_rules(scmp_filter_ctx f)
{
	return allow(f, capture_calls, sizeof(capture_calls) / sizeof(capture_calls[0])) &&
	       seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(getsockopt), 2,
				SCMP_A1(SCMP_CMP_EQ, SOL_PACKET, 0),
				SCMP_A2(SCMP_CMP_EQ, PACKET_STATISTICS, 0)) == 0 &&
	       seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(getsockopt), 2,
				SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET, 0),
				SCMP_A2(SCMP_CMP_EQ, SO_ERROR, 0)) == 0;
}

static bool more_rules(scmp_filter_ctx f, unsigned needs)
{
	int stats = SCMP_SYS(newfstatat);

	if (needs & SANDBOX_WRITE_DIR &&
	    !allow(f, write_calls, sizeof(write_calls) / sizeof(write_calls[0])))
		return false;
	if (needs & SANDBOX_SERVE &&
	    (!allow(f, serve_calls, sizeof(serve_calls) / sizeof(serve_calls[0])) ||
	     !allow_if(f, SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0)) ||
	     !allow_if(f, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_SETFL, 0))))
		return false;
	if (needs & (SANDBOX_SERVE | SANDBOX_READ_DIR) &&
	    !allow_if(f, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_SETFD, 0)))
		return false;
	if (needs & (SANDBOX_READ_FILES | SANDBOX_READ_DIR) &&
	    !allow(f, read_calls, sizeof(read_calls) / sizeof(read_calls[0])))
		return false;
	if (needs & (SANDBOX_READ_FILES | SANDBOX_READ_DIR) && !(needs & SANDBOX_WRITE_DIR) &&
	    !allow_if(f, SCMP_SYS(openat),
		      SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)))
		return false;
	if (needs & SANDBOX_LINK && !link_rules(f))
		return false;
	if (needs & SANDBOX_CAPTURE && !capture_rules(f))
		return false;
	/* An address of a packet socket by its size: those of other families have others. */
	if (needs & SANDBOX_BIND &&
	    !allow_if(f, SCMP_SYS(bind), SCMP_A2(SCMP_CMP_EQ, sizeof(struct sockaddr_ll), 0)))
		return false;
	if (needs & SANDBOX_SEND &&
	    !allow(f, send_calls, sizeof(send_calls) / sizeof(send_calls[0])))
		return false;
	return !(needs & OPENS_FILES) || allow(f, &stats, 1);
}

static const char *drop_calls(unsigned needs, const char *dir)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err = -ENOMEM;

	(void)dir;
	if (f && seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
	    seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
	    seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 && base_rules(f) &&
	    more_rules(f, needs))
		err = seccomp_load(f);
	seccomp_release(f);
	errno = err < 0 ? -err : 0;
	return err < 0 ? "seccomp" : NULL;
}

static void take(step *const *steps, size_t n, enum sandbox_mode mode, unsigned needs,
		 const char *dir)
{
#ifdef WEIR_SANITIZE
	(void)steps;
	n = 0;
#endif
	for (size_t i = 0; i < n && mode != SANDBOX_OFF; i++) {
		const char *lacks;

		errno = 0;
		lacks = steps[i](needs, dir);
		if (lacks && mode == SANDBOX_REQUIRE)
			die("the sandbox needs %s, which is not to be had here%s%s; "
			    "--sandbox=try goes on without",
			    lacks, errno ? ": " : "", errno ? strerror(errno) : "");
	}
}

void sandbox_begin(enum sandbox_mode mode, unsigned needs, const char *dir)
{
	static step *const steps[] = { drop_bounds, drop_user, drop_capabilities, drop_privs,
				       drop_paths };

#ifdef WEIR_SANITIZE
	if (mode != SANDBOX_OFF)
		drop_privs(needs, dir);
#endif
	take(steps, sizeof(steps) / sizeof(steps[0]), mode, needs, dir);
}

void sandbox_finish(enum sandbox_mode mode, unsigned needs)
{
	static step *const steps[] = { drop_limits, drop_calls };

	take(steps, sizeof(steps) / sizeof(steps[0]), mode, needs, NULL);
}

void sandbox_enter(enum sandbox_mode mode, unsigned needs, const char *dir)
{
	sandbox_begin(mode, needs, dir);
	sandbox_finish(mode, needs);
}
