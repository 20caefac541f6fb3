#ifndef SERVER_SANDBOX_H
#define SERVER_SANDBOX_H

/* Gives up what the service does not need once its socket is bound (Linux), so
 * that a mistake in a decoder costs less:
 *
 * - no new privileges, no core dumps and no tracing by others: a core would
 *   have people's pictures in it;
 * - landlock: files are read below the given folders and a few of the
 *   system's, and written nowhere; no TCP port is bound or connected to;
 * - seccomp (libseccomp): only the system calls that are listed; none that
 *   starts a program, makes a socket, opens a file for writing, makes memory
 *   executable, or ends another process. The others fail with EPERM.
 *
 * It holds for the calling thread and those it makes: call it before there are
 * others. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"

enum sandbox_part {
    SANDBOX_PRIVILEGES = 1,
    SANDBOX_LANDLOCK = 2,
    SANDBOX_SECCOMP = 4,
    SANDBOX_ALL = 7
};

enum { SANDBOX_MAX_PATHS = 40 };

/* `= {0}` reads only what the system has. */
struct sandbox {
    const char *paths[SANDBOX_MAX_PATHS]; /* borrowed (num_paths) */
    size_t num_paths;
    const char *socket; /* borrowed; a Unix socket to be removed in the end */
};

/* A file or folder that will be read again: all below the folder that it is in
 * may be, so that another one can take its place. Where that is "/", or one
 * with the sticky bit such as /tmp, it is the one itself, and what takes its
 * place is not. What the links in a folder lead to at the start may be read,
 * too.
 * "" is nothing. One too many is a bug and is dropped. */
void sandbox_allow(struct sandbox *sandbox, const char *path);

/* Whether this build can have one at all: sanitizers need what it forbids. */
bool sandbox_can(void);

/* Enters it. Returns the parts that are in force; what is missing is said in
 * err: ERROR_UNSUPPORTED where the kernel lacks it, ERROR_IO. There is no way
 * back. */
unsigned sandbox_enter(const struct sandbox *sandbox, struct error *err);

#endif
