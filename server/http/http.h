#ifndef SERVER_HTTP_HTTP_H
#define SERVER_HTTP_HTTP_H

/* The door to libmicrohttpd: sockets and HTTP outside, requests and responses
 * inside.
 *
 *     http = http_new(&config, &err);      the address is ours
 *     http_start(http, &backend, &err);    requests come in
 *     puts(http_name(http));
 *     ...
 *     service_begin_drain(&service);       it is not ready any more
 *     http_stop_accepting(http);           no new connections
 *     http_wait(http, until);              who was accepted is answered
 *     service_finish(&service);            the workers are through
 *     http_free(http);
 *
 * One thread at a time calls these. */

#include "engine/base/error.h"
#include "server/config/config.h"
#include "server/http/backend.h"

struct http;

/* Listens as config->listen says, or on what was inherited (listener.h). NULL:
 * ERROR_INPUT where it is no address, ERROR_IO where it cannot be had,
 * ERROR_MEMORY. `config` is borrowed. */
struct http *http_new(const struct config *config, struct error *err)
    __attribute__((warn_unused_result));

/* Starts the threads that accept and that do HTTP. What `backend` has
 * outlives them. ERROR_IO, ERROR_MEMORY, ERROR_INTERNAL. */
bool http_start(struct http *http, const struct backend *backend,
                struct error *err) __attribute__((warn_unused_result));

/* "http://127.0.0.1:8080", with the port that was taken, or
 * "unix:/run/x.sock"; valid until http_stop_accepting. */
const char *http_name(const struct http *http);

/* Whether neither thread is stuck. That of HTTP waits for something to do, or
 * has been at what it does for less than `max_us`. That which accepts, from
 * http_start until http_stop_accepting, comes round once a second if nothing
 * else wakes it, and took less than `max_us` more. Any thread. */
bool http_is_alive(const struct http *http, uint64_t max_us);

/* Takes those who wait to be accepted, and then no more. Where the sockets were
 * inherited, they are left for the next process that has them. */
void http_stop_accepting(struct http *http);

/* Waits until every connection has had its answer and is closed, or the clock
 * says `until_us`; false: some have not. New ones have a second for their first
 * request; those between two requests are not waited for. */
bool http_wait(struct http *http, uint64_t until_us);

/* Ends the threads and closes what is open. No job may be on its way. */
void http_free(struct http *http);

#endif
