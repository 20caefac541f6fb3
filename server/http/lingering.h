#ifndef SERVER_HTTP_LINGERING_H
#define SERVER_HTTP_LINGERING_H

/* Hanging up on a client that is still sending.
 *
 * A socket that is closed with bytes unread resets the connection, and the
 * reset overtakes the answer that told the client why. So the other half is
 * kept open for a while and what still comes in is thrown away, until the
 * client has read the answer and hangs up too. One thread does it for all; how
 * many sockets wait, and how long, is bounded. */

#include "engine/base/error.h"

struct lingering;

/* Starts the thread. NULL: ERROR_MEMORY, ERROR_INTERNAL. */
struct lingering *lingering_new(struct error *err)
    __attribute__((warn_unused_result));

/* Takes a connected socket, sends the end of our half, and closes it when the
 * client does, after 5 s of silence, or after 30 s. Where too many wait
 * already it is closed at once. Any thread. */
void lingering_add(struct lingering *lingering, int fd);

/* Ends the thread when all sockets are closed, after a second at the latest. */
void lingering_free(struct lingering *lingering);

#endif
