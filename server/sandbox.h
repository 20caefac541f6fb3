#ifndef SERVER_SANDBOX_H
#define SERVER_SANDBOX_H

/* Drops rights that the service does not need once its socket is bound (Linux),
 * to limit the damage of a bug in a decoder:
 *
 * - no new privileges, no tracing by other processes, and no core dumps, which
 *   would contain users' images;
 * - landlock: files can be read below the given folders and a few system
 *   folders, and written nowhere; no TCP port can be bound or connected to;
 * - seccomp (libseccomp): a list of allowed system calls. None of them starts a
 *   program, creates a socket, opens a file for writing, makes memory
 *   executable or signals another process. All others fail with EPERM.
 *
 * It applies to the calling thread and the threads that it creates, so call it
 * before others exist. */

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

/* `= {0}` allows only the system folders. */
struct sandbox {
    const char *paths[SANDBOX_MAX_PATHS]; /* borrowed (num_paths) */
    size_t num_paths;
    const char *socket; /* borrowed; a Unix socket to be removed at exit */
};

/* Allows reading a file or folder. Everything in its parent folder is allowed
 * too, so that it can be replaced, unless the parent is "/" or has the sticky
 * bit, like /tmp. The targets of symbolic links in the folder are allowed as
 * they are now. "" is ignored. One path too many is a bug and is dropped. */
void sandbox_allow(struct sandbox *sandbox, const char *path);

/* Whether this build supports it: sanitizers need what it forbids. */
bool sandbox_can(void);

/* Enters the sandbox, for good. Returns the parts that are in force; err says
 * why the others are not: ERROR_UNSUPPORTED if the kernel lacks them, ERROR_IO.
 */
unsigned sandbox_enter(const struct sandbox *sandbox, struct error *err);

#endif
