#ifndef SERVER_HTTP_WIRE_H
#define SERVER_HTTP_WIRE_H

/* An answer as it is written to a socket, for those that libmicrohttpd cannot
 * give: in the middle of a body, or before a connection is its own. */

#include <stdbool.h>

#include "engine/base/buf.h"
#include "server/api/reply.h"

/* Appends status line, headers and body (not where the request was HEAD) of a
 * reply that ends its connection. false: no memory. Any thread. */
bool wire_print(struct buf *out, const struct reply *reply, bool with_body)
    __attribute__((warn_unused_result));

/* Writes that to a socket, as much as it takes at once; false: it was not all.
 * Any thread. */
bool wire_send(int fd, const struct buf *text);

#endif
