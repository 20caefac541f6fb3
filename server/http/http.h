#ifndef SERVER_HTTP_HTTP_H
#define SERVER_HTTP_HTTP_H

/* The HTTP server, on libmicrohttpd: sockets and HTTP outside, requests and
 * responses inside.
 *
 *     http = http_new(&config, &err);      binds the address
 *     http_start(http, &backend, &err);    accepts requests
 *     puts(http_name(http));
 *     ...
 *     service_begin_drain(&service);       /readyz says 503
 *     http_stop_accepting(http);           accepts no new connections
 *     http_wait(http, until);              responses are sent
 *     service_finish(&service);            the workers finish
 *     http_free(http);
 *
 * One thread at a time calls these. */

#include "engine/base/error.h"
#include "server/config/config.h"
#include "server/http/backend.h"

struct http;

/* Listens on config->listen, or on inherited sockets (listener.h). NULL:
 * ERROR_INPUT if it is not an address, ERROR_IO if it is not available,
 * ERROR_MEMORY. `config` is borrowed. */
struct http *http_new(const struct config *config, struct error *err)
    __attribute__((warn_unused_result));

/* Starts the accept thread and the HTTP thread. The objects in `backend` must
 * outlive them. ERROR_IO, ERROR_MEMORY, ERROR_INTERNAL. */
bool http_start(struct http *http, const struct backend *backend,
                struct error *err) __attribute__((warn_unused_result));

/* "http://127.0.0.1:8080", with the actual port, or "unix:/run/x.sock"; valid
 * until http_stop_accepting. */
const char *http_name(const struct http *http);

/* Whether both threads make progress: the HTTP thread is idle, or its current
 * callback has run for less than `max_us`; the accept thread, which runs from
 * http_start until http_stop_accepting and wakes at least once a second, is
 * less than `max_us` late. Any thread. */
bool http_is_alive(const struct http *http, uint64_t max_us);

/* Accepts the connections that are waiting, and then no more. Connections that
 * wait on inherited sockets are left to the next process. */
void http_stop_accepting(struct http *http);

/* Waits until all responses are sent and all connections are closed, or until
 * `until_us`; false: some are still open. New connections have a second for
 * their first request; connections between two requests are not waited for. */
bool http_wait(struct http *http, uint64_t until_us);

/* Stops the threads and closes all connections. No job may be pending. */
void http_free(struct http *http);

#endif
