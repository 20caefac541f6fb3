#ifndef SERVER_HTTP_CONNECTIONS_H
#define SERVER_HTTP_CONNECTIONS_H

/* The open connections: how many, whose, what each is doing and until when.
 *
 * All places are taken: the connection that has waited longest for a request
 * makes room for a new one; where every connection has a request, the new one
 * is answered 503. Its own table, and not libmicrohttpd's limits, since those
 * let connections wait in the kernel or close them without a word.
 *
 * What has its time and does not keep it is hung up on by connections_sweep,
 * which someone calls every second: headers (with 408), and the reading of an
 * answer. Bodies are the exchange's to watch, silence libmicrohttpd's; what the
 * exchange never sees of a body, the sizes of its chunks and what follows the
 * last, is ended here too.
 *
 * A connection is named by its descriptor: from connections_admit until
 * connections_remove it is open, and no other has the same. Any thread. */

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
    CONNECTIONS_NEW,     /* no request so far */
    CONNECTIONS_IDLE,    /* between two requests */
    CONNECTIONS_HEADERS, /* there is a request line */
    CONNECTIONS_BODY,    /* the headers are in */
    CONNECTIONS_WORKING, /* its job is queued, or in a worker's hands */
    CONNECTIONS_SENDING, /* its answer is on the way */
    CONNECTIONS_CLOSING  /* lingering.c has it */
};

/* Sees to it that the process may open the files it takes, and says so where
 * it may not. Who is in `trusted` speaks for many, and has no limit of its own.
 * All that is passed is borrowed. ERROR_IO, ERROR_MEMORY. */
struct connections *
connections_new(const struct config *config, const struct peer_nets *trusted,
                struct metrics *metrics, struct lingering *lingering,
                struct error *err) __attribute__((warn_unused_result));

/* Takes a new connection in. false: it was refused, answered and closed. */
bool connections_admit(struct connections *connections, int fd,
                       const struct sockaddr *address);

/* The most that can be open at once, those on their way out included. */
unsigned connections_max(const struct connections *connections);

/* Says what the connection does now. false: it was hung up on, and what it is
 * about to do is to be left. */
bool connections_enter(struct connections *connections, int fd,
                       enum connections_state state);

/* Enters CONNECTIONS_WORKING. `interim`: its client understands answers with a
 * status of 1xx. */
bool connections_enter_work(struct connections *connections, int fd,
                            bool interim);

/* Whether the client of a job is gone for sure, so that the job can be left.
 *
 * A client that closes its socket looks like one that has only sent all it
 * had to send, and still reads, which HTTP allows. To tell them apart, such a
 * client is sent the interim answer 102: to a closed socket, the other side
 * objects with a reset. May wait for that for some milliseconds, once a
 * request. While the connection is CONNECTIONS_WORKING. */
bool connections_is_gone(struct connections *connections, int fd);

/* The status that the connection was hung up on with, past whoever answers
 * otherwise; 0: it was not, or without a word. */
unsigned connections_said(struct connections *connections, int fd);

/* Before the descriptor is closed. */
void connections_remove(struct connections *connections, int fd);

/* Hangs up on those that were too slow, and on those that have shut their half
 * down before their request was whole. */
void connections_sweep(struct connections *connections);

/* For when the service stops and nobody comes in any more; asked again and
 * again. As long as one has a request, or may have one on its way (what it has
 * sent is not read yet, or it is younger than a second), those that wait for a
 * request are left alone; then they are closed. false: all is over. */
bool connections_drain(struct connections *connections);

void connections_free(struct connections *connections);

#endif
