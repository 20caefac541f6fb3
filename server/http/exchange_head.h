#ifndef SERVER_HTTP_EXCHANGE_HEAD_H
#define SERVER_HTTP_EXCHANGE_HEAD_H

/* The head of a request: everything that is checked before its body. HTTP
 * thread. */

#include "server/http/exchange.h"

/* Reads the headers into the request, and checks them, the route, the token and
 * the query. A failure is recorded in the request. false: respond at once,
 * without reading the body. */
bool exchange_head_read(struct exchange *x, const char *method,
                        const char *path) __attribute__((warn_unused_result));

#endif
