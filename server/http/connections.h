#ifndef SERVER_HTTP_CONNECTIONS_H
#define SERVER_HTTP_CONNECTIONS_H

/* The table of open connections: how many, whose, and the state and deadline of
 * each.
 *
 * At the limit, the connection that has waited longest for a request is closed
 * to make room for a new one. If every connection has a request, the new one
 * gets a 503. libmicrohttpd's own limits are not used, because they let
 * connections wait in the kernel or close them without a response.
 *
 * connections_sweep, called once a second, enforces the time limits for headers
 * (with a 408) and for sending a response. The exchange limits the time for a
 * body, and libmicrohttpd the silence. The sweep also ends bodies whose rest
 * the exchange never sees: chunk sizes and trailers.
 *
 * A connection is identified by its descriptor, which is open, and so unique,
 * from connections_admit until connections_remove. Any thread. */

#include <stdbool.h>
#include <sys/socket.h>

#include "engine/base/error.h"
#include "server/config/config.h"
#include "server/http/peer.h"
#include "server/http/problem.h"
#include "server/observe/metrics.h"

struct lingering;
struct connections;

enum connections_state {
    CONNECTIONS_NEW,       /* no request so far */
    CONNECTIONS_IDLE,      /* between two requests */
    CONNECTIONS_HEADERS,   /* there is a request line */
    CONNECTIONS_BODY,      /* the headers are in */
    CONNECTIONS_WORKING,   /* its job is queued or running */
    CONNECTIONS_STREAMING, /* the same, and its response has begun */
    CONNECTIONS_SENDING,   /* its response is being sent */
    CONNECTIONS_CLOSING    /* it belongs to lingering.c */
};

/* Raises the limit on open files as far as needed, or fails. Addresses in
 * `trusted` are exempt from the limit per address. All arguments are borrowed.
 * ERROR_IO, ERROR_MEMORY. */
struct connections *
connections_new(const struct config *config, const struct peer_nets *trusted,
                struct metrics *metrics, struct lingering *lingering,
                struct error *err) __attribute__((warn_unused_result));

/* Admits a new connection. false: it was refused with a response, and closed.
 */
bool connections_admit(struct connections *connections, int fd,
                       const struct sockaddr *address);

/* The most that can be open at once, including those being closed. */
unsigned connections_max(const struct connections *connections);

/* Changes the state of the connection. false: it was shut down, and the caller
 * must stop. */
bool connections_enter(struct connections *connections, int fd,
                       enum connections_state state);

/* Enters CONNECTIONS_WORKING. `interim`: the client accepts responses with a
 * status of 1xx. */
bool connections_enter_work(struct connections *connections, int fd,
                            bool interim);

/* Whether the client of a job has certainly disconnected, which cancels the
 * job.
 *
 * A client that closes its socket looks like one that has only shut down its
 * sending side and still reads, which HTTP allows. To tell them apart, the
 * server sends it an interim response, 102; if the socket is closed, the other
 * side replies with a reset. Waits some milliseconds for that, once per
 * request. Not if it is CONNECTIONS_STREAMING: a reset shows there as well, as
 * soon as something is sent. Only in these two states. */
bool connections_is_cancelled(struct connections *connections, int fd);

/* The status of the response that connections_sweep sent when it closed the
 * connection; 0: none. */
unsigned connections_timeout_status(struct connections *connections, int fd);

/* Removes a connection, before its descriptor is closed. */
void connections_remove(struct connections *connections, int fd);

/* Closes connections that are too slow, and those whose client closed its side
 * before the request was complete. */
void connections_sweep(struct connections *connections);

/* Closes the connections at shutdown, when no new ones are accepted. Call it
 * repeatedly until it returns false: all are closed. Idle connections are
 * closed once no connection has a request, has unread data, or is younger than
 * a second. */
bool connections_drain(struct connections *connections);

void connections_free(struct connections *connections);

#endif
