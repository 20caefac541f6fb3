#ifndef SERVER_HTTP_CALLBACKS_H
#define SERVER_HTTP_CALLBACKS_H

/* What libmicrohttpd calls, for each request and connection; http.c says in
 * which order, and what is whose when. All on the HTTP thread. */

#include <microhttpd.h>

#include "server/http/exchange.h"

/* The request line: makes the exchange. It is given as it came: the path that
 * callbacks_step gets is decoded and ends at the first NUL. */
void *callbacks_begin(void *arg, const char *target,
                      struct MHD_Connection *connection);

/* The headers, the pieces of the body, its end; and again after a job. */
enum MHD_Result callbacks_step(void *arg, struct MHD_Connection *connection,
                               const char *path, const char *method,
                               const char *version, const char *bytes,
                               size_t *len, void **slot);

/* However it ended: logs, counts and frees it. */
void callbacks_end(void *arg, struct MHD_Connection *connection, void **slot,
                   enum MHD_RequestTerminationCode code);

/* The connection is about to be closed. Ends an exchange that libmicrohttpd has
 * not ended: 0.9.75 forgets to where it fails twice. */
void callbacks_forget(struct exchange_door *door,
                      struct MHD_Connection *connection);

#endif
