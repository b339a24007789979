/* sandbox: what a stage gives up before it reads the first byte of input.
 *
 * rlimits, uid and capabilities, no_new_privs, landlock where the kernel has it, seccomp with an
 * allow-list. Called by the stage loop, so no tool author can forget it.
 *
 * What stays: the open descriptors, memory that is not executable, time, waiting, signals to
 * itself, and the end. Any other system call kills the process with SIGSYS. Root becomes user and
 * group 65534, but not where files are still to be opened (needs), which may be root's alone.
 * Under a sanitizer (WEIR_SANITIZE), which needs /proc and more, it is no_new_privs alone. */
#ifndef WEIR_SANDBOX_H
#define WEIR_SANDBOX_H

#include <stdbool.h>

enum sandbox_mode { SANDBOX_REQUIRE, SANDBOX_TRY, SANDBOX_OFF };

enum sandbox_needs {
	SANDBOX_BASE = 0,
	SANDBOX_WRITE_DIR = 1,  /* openat, renameat, ftruncate .. below one directory */
	SANDBOX_READ_FILES = 2, /* open of the files named on the command line (read) */
	SANDBOX_READ_DIR = 8,   /* open what is below one directory (read) */
	SANDBOX_SEND = 64,      /* send from open sockets */
	SANDBOX_SERVE = 16,     /* accept connections of a socket that listens, and talk to them */
	SANDBOX_CAPTURE =
		32,         /* receive from open sockets, and ask them how many frames there were */
	SANDBOX_BIND = 128, /* bind packet sockets that are open to other interfaces */
	/* weir-link: sockets of its own and threads that are there already. Opens nothing; root
	 * stays where dir says that a local socket is to be removed at the end, or reached. */
	SANDBOX_LINK = 4,
};

/* What $WEIR_SANDBOX says, REQUIRE where it says nothing; another word is wrong use. */
enum sandbox_mode sandbox_given(void);
/* Says it to the programs that are started. */
void sandbox_hand_on(enum sandbox_mode mode);

/* dir: the directory for SANDBOX_WRITE_DIR or SANDBOX_READ_DIR, else NULL. Ends the process (1)
 * with one line saying what the kernel lacks and which option to use, where mode is REQUIRE and it
 * can't. TRY does what can be done and says nothing. Without landlock, REQUIRE goes on unless needs
 * has SANDBOX_WRITE_DIR: no other stage can open a file for writing at all. */
void sandbox_enter(enum sandbox_mode mode, unsigned needs, const char *dir);

/* The same in two parts, for a program with threads: the first before it starts them, as landlock
 * and capabilities are a thread's own; the second, rlimits and seccomp, holds for all threads. */
void sandbox_begin(enum sandbox_mode mode, unsigned needs, const char *dir);
void sandbox_finish(enum sandbox_mode mode, unsigned needs);

#endif
