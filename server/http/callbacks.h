#ifndef SERVER_HTTP_CALLBACKS_H
#define SERVER_HTTP_CALLBACKS_H

/* The callbacks of libmicrohttpd, for each request and connection; http.c
 * describes their order and the ownership. All on the HTTP thread. */

#include <microhttpd.h>

#include "server/http/exchange.h"

/* The request line: creates the exchange. `target` is as the client sent it;
 * the path of callbacks_step is decoded, and ends at the first NUL. */
void *callbacks_begin(void *arg, const char *target,
                      struct MHD_Connection *connection);

/* The headers, each piece of the body, its end, and the end of a job. */
enum MHD_Result callbacks_step(void *arg, struct MHD_Connection *connection,
                               const char *path, const char *method,
                               const char *version, const char *bytes,
                               size_t *len, void **slot);

/* The end of a request: logs, counts and frees it. */
void callbacks_end(void *arg, struct MHD_Connection *connection, void **slot,
                   enum MHD_RequestTerminationCode code);

/* The connection is about to be closed. Ends its exchange if libmicrohttpd has
 * not: 0.9.75 forgets to after two failures. */
void callbacks_forget(struct exchange_door *door,
                      struct MHD_Connection *connection);

#endif
