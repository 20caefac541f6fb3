#ifndef SERVER_HTTP_ORIGIN_H
#define SERVER_HTTP_ORIGIN_H

/* The client and trace of a request, from its connection and headers. HTTP
 * thread. */

#include "server/http/peer.h"
#include "server/observe/trace.h"

struct MHD_Connection;

/* `= {0}` is unknown. */
struct origin {
    struct peer client; /* behind trusted proxies */
    struct trace trace;
};

/* Uses the connection alone, before the headers are known. */
void origin_of_connection(struct origin *origin,
                          struct MHD_Connection *connection);

void origin_read(struct origin *origin, struct MHD_Connection *connection,
                 const struct peer_nets *trusted);

#endif
