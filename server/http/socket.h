#ifndef SERVER_HTTP_SOCKET_H
#define SERVER_HTTP_SOCKET_H

/* What the kernel says of a socket. None of these waits, but for
 * socket_events. Any thread. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "engine/base/error.h"

/* What would be read next: 1, a byte; 0, the end; -1, nothing yet. */
ssize_t socket_peek(int fd);

/* What has happened of the `wanted` (as in poll), after `timeout_ms` at most.
 */
short socket_events(int fd, int timeout_ms, short wanted);

bool socket_is_reset(short events);

/* Whether the other side of a new connection has sent anything at all. */
bool socket_has_sent(int fd);

/* Sees to it that the process may have `needed` files open, for so many
 * connections. ERROR_IO. */
bool socket_allow_files(rlim_t needed, uint64_t max_connections,
                        struct error *err) __attribute__((warn_unused_result));

#endif
