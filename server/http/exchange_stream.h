#ifndef SERVER_HTTP_EXCHANGE_STREAM_H
#define SERVER_HTTP_EXCHANGE_STREAM_H

/* An exchange whose response is sent while its worker is still making it
 * (stream.h). Its connection is suspended while there is nothing to send. If
 * the client disconnects before the end, the exchange closes, and the worker
 * frees its deferred response when it is done. */

#include "server/http/exchange.h"

/* Connects the stream of the deferred response, before that starts. HTTP
 * thread. */
void exchange_stream_attach(struct exchange *x);

/* Adds the response as the stream's end, see stream_end. Worker. */
enum stream_end exchange_stream_end(struct deferred *deferred);

/* Whether the response is streamed, and has begun. HTTP thread. */
bool exchange_stream_has_begun(const struct exchange *x);

/* Makes the head of the streamed response in x->request.response, and returns
 * its body; NULL: not enough memory. HTTP thread. */
struct MHD_Response *exchange_stream_make(struct exchange *x);

/* Leaves the stream, if there is one: x->request.deferred is NULL afterwards if
 * it belongs to the worker now. HTTP thread. */
void exchange_stream_leave(struct exchange *x);

#endif
