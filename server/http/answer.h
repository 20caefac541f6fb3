#ifndef SERVER_HTTP_ANSWER_H
#define SERVER_HTTP_ANSWER_H

/* The answer of an exchange goes out: the response that its request or its job
 * holds, or the failure that was recorded, with the headers that every answer
 * has. HTTP thread only. What these return is for libmicrohttpd. */

#include <microhttpd.h>

#include "server/http/exchange.h"

/* Gives the answer to libmicrohttpd, when the request is there as a whole. */
enum MHD_Result answer_send(struct exchange *x);

/* Answers the recorded failure while the body still comes in, and hangs up.
 * The responses before this one are in the kernel already, so nothing is
 * overtaken; and what is not taken at once from so short a text is lost with
 * the connection. */
enum MHD_Result answer_now(struct exchange *x);

/* The connection's, or -1. */
int answer_socket(struct MHD_Connection *connection);

#endif
