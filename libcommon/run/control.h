/* control: lines between a launcher and those that tell it something, over a socket in the run
 * directory.
 *
 * A client sends one line and gets one back, "ok" or "error TEXT"; one that waits for something
 * gets a second one: "ended CODE" when all is over (stop), "done" or "error TEXT" (swap). With the
 * "ok" a descriptor may come (tap). Only the launcher's own user can connect: the folder is 0700
 * and the socket 0600. */
#ifndef WEIR_CONTROL_H
#define WEIR_CONTROL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

enum { CONTROL_END = 'e', CONTROL_SWAP = 's' };
enum { CONTROL_CLIENTS = 8, CONTROL_LINE = 4096 };

struct control_client {
	int fd;     /* -1: free */
	char waits; /* for what: as `command` said; 0: nothing */
	size_t len;
	char line[CONTROL_LINE];
};

struct control {
	int fd;
	int pass; /* set by `command`: a descriptor that goes with its "ok", -1: none */
	struct control_client clients[CONTROL_CLIENTS];
};

/* Ends the process (1) where it can't listen. dir: of the run directory. */
void control_open(struct control *c, int dir);
/* Fills in at most 1 + CONTROL_CLIENTS; returns how many. */
size_t control_polls(const struct control *c, struct pollfd *fds);
/* Takes what has come. `command` gets each line, and says in reply (size bytes) what was wrong, or
 * leaves it empty; not 0: the client waits for what that stands for, CONTROL_END or another. */
void control_serve(struct control *c,
		   char (*command)(void *ctx, char *line, char *reply, size_t size), void *ctx);
/* Tells a line to those that wait for that, who then wait no more. */
void control_tell(struct control *c, char waits, const char *line);
/* Tells those that wait for the end. */
void control_close(struct control *c, int code);

/* Sends a line; a refusal ends the process (1) with what the launcher said. Returns the socket. */
int control_send(int dir, const char *line);
/* The same; returns the descriptor that came with the answer. */
int control_fetch(int dir, const char *line);
/* Waits for "done"; what went wrong ends the process (1). */
void control_await(int fd);
/* Waits for the end; the pipeline's exit code, -1 where the launcher went away without a word. */
int control_wait(int fd);

#endif
