#ifndef SERVER_HTTP_ORIGIN_H
#define SERVER_HTTP_ORIGIN_H

/* Where a request comes from, by its connection and headers. HTTP thread. */

#include "server/http/peer.h"
#include "server/observe/trace.h"

struct MHD_Connection;

/* `= {0}` is not known. */
struct origin {
    struct peer client; /* through proxies that are trusted */
    struct trace trace;
};

/* By its connection alone: the headers are not there. */
void origin_of_connection(struct origin *origin,
                          struct MHD_Connection *connection);

void origin_read(struct origin *origin, struct MHD_Connection *connection,
                 const struct peer_nets *trusted);

#endif
