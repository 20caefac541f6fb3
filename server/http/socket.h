#ifndef SERVER_HTTP_SOCKET_H
#define SERVER_HTTP_SOCKET_H

/* Queries about a socket. Only socket_events may block. Any thread. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "engine/base/error.h"

/* What a read would return: 1, a byte; 0, the end; -1, nothing yet. */
ssize_t socket_peek(int fd);

/* Waits up to `timeout_ms` for the `wanted` events of poll(2), and returns
 * those that occurred. */
short socket_events(int fd, int timeout_ms, short wanted);

bool socket_is_reset(short events);

/* Whether the other side of a new connection has sent anything. */
bool socket_has_sent(int fd);

/* Raises the limit on open files to `needed`; `max_connections` is for the
 * message. ERROR_IO. */
bool socket_allow_files(rlim_t needed, uint64_t max_connections,
                        struct error *err) __attribute__((warn_unused_result));

#endif
