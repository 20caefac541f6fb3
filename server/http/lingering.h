#ifndef SERVER_HTTP_LINGERING_H
#define SERVER_HTTP_LINGERING_H

/* Lingering close: closes the connection of a client that is still sending.
 *
 * Closing a socket with unread bytes resets the connection, and the reset
 * overtakes the response that tells the client why. So the reading side stays
 * open for a while, and incoming bytes are discarded until the client has read
 * the response and closes too. One thread does this for all sockets; their
 * number and time are limited. */

#include "engine/base/error.h"

struct lingering;

/* Starts the thread. NULL: ERROR_MEMORY, ERROR_INTERNAL. */
struct lingering *lingering_new(struct error *err)
    __attribute__((warn_unused_result));

/* Takes a connected socket and shuts down its sending side. Closes it when the
 * client does, after 5 s of silence, or after 30 s; at once if too many are
 * lingering already. Any thread. */
void lingering_add(struct lingering *lingering, int fd);

/* Stops the thread once all sockets are closed, or after a second. */
void lingering_free(struct lingering *lingering);

#endif
