#ifndef SERVER_HTTP_INTERCEPT_H
#define SERVER_HTTP_INTERCEPT_H

/* What libmicrohttpd would answer by itself, as problems.
 *
 * It refuses some requests before we see them, or in the middle of a body, with
 * a page of HTML, and asks nobody. So this file has the functions of the C
 * library that it sends and hangs up with: a program's own are found before
 * those of the libraries it is linked with (as engine/xnn/pthreadpool.c has
 * it). What the HTTP thread sends on a connection that has no answer of ours is
 * libmicrohttpd's; the problem of that status goes out instead, and the
 * connection is closed. */

struct exchange_door;

/* Says that this thread is the one whose answers are looked at. HTTP thread. */
void intercept_begin(struct exchange_door *door);

#endif
