/* DESIGN
 *
 * Connections are accepted by a thread of our own, which asks connections.c
 * whether there is a place, and hands them to libmicrohttpd. Once a second it
 * also has those hung up on that are too slow.
 *
 * One thread of libmicrohttpd's (epoll) does all of HTTP. It never waits: what
 * takes time is a job for the workers. That is why /healthz, /readyz and
 * /metrics answer at once however much work there is.
 *
 * An exchange is one request and its response, from the request line until the
 * last byte is handed to the kernel; libmicrohttpd calls, in this order:
 *
 *     callbacks_begin   the request line: the exchange is made
 *     callbacks_step    headers: route, limits, options; nothing is answered
 *                       yet, or the body would be refused unread
 *     callbacks_step    body: once a piece, then once with none: the handler
 *                       runs; it leaves a response, a failure, or what is to
 *                       make the response: a deferred one, for us a job
 *     callbacks_step    with that: the connection is suspended by us
 *     callbacks_step    after that: it was resumed by the worker
 *     callbacks_end     however it ended: logged, counted, freed
 *
 * Where threads meet: at a job. start_work() suspends the connection and then
 * has the job pushed; from there it belongs to the worker, until done(), which
 * runs on the worker's thread and does nothing but resume the connection. The
 * queue's lock hands the job over one way, libmicrohttpd's own lock the other.
 * Suspending first matters: the worker may be through before queue_push
 * returns. While a connection is suspended nothing calls us for it, so the
 * exchange stays as it is. That the client has left is for the worker to ask
 * (is_cancelled), before it begins.
 * Models change on the main thread (SIGHUP): it opens the new one without any
 * lock, takes that of models.c to put it in its place, and each worker's to
 * drop its session of the old one. A request checked against a model takes it
 * along in its job, so it is answered by that one.
 *
 * A body that is too long is answered while it still comes in. libmicrohttpd
 * takes no response in the middle of a body, and closing a socket with unread
 * bytes resets it under the client's nose, so exchange_refuse() writes the few
 * hundred bytes to the socket itself, tells libmicrohttpd to drop the
 * connection, and leaves the rest to lingering.c. What is not HTTP
 * libmicrohttpd refuses by itself, in its own words, and closes the connection.
 */

#include "server/http/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "server/http/callbacks.h"
#include "server/http/connections.h"
#include "server/http/lingering.h"
#include "server/http/listener.h"
#include "server/observe/metrics.h"

enum {
    ACCEPT_AT_ONCE = 64, /* of one socket, before the next has its turn */
    SWEEP_US = 1000000,
    PAUSE_MS = 50, /* where there is no room for another descriptor */
    REST_TRIES = 3,
    REST_MS = 1, /* from one to the next */
    TICK_MS = 5, /* of waiting for the end */
    /* libmicrohttpd 1.0 would answer a target with spaces in it with a redirect
     * to wherever that says; 0.9 hands it on, or if strict hangs up. */
    STRICT = MHD_VERSION >= 0x01000000
};

struct http {
    struct exchange_door door;
    struct listener listener;
    struct MHD_Daemon *daemon; /* owned */
    pthread_t thread;          /* accepts */
    bool accepting;            /* there is such a thread */
    int stop;                  /* an eventfd, for that thread; or -1 */
    _Atomic uint64_t round_us; /* when it last came round; 0: not now */
};

/* ---- accepting ---- */

/* Takes one connection; false: there is none, or no room for one. */
static bool accept_one(struct http *http, int listen_fd, bool *full)
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    struct sockaddr *any = (struct sockaddr *)&at;
    int fd = accept4(listen_fd, any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        *full = errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
                errno == ENOMEM;
        return errno == EINTR || errno == ECONNABORTED;
    }
    if (connections_admit(http->door.connections, fd, any) &&
        MHD_add_connection(http->daemon, fd, any, len) != MHD_YES)
        connections_remove(http->door.connections, fd); /* it is closed */
    return true;
}

/* Those who came before the end, and have shaken hands by now or nearly so. */
static void accept_rest(struct http *http)
{
    struct listener *listener = &http->listener;
    bool full;

    if (!listener_shut(listener))
        return;
    for (int tries = 0; tries < REST_TRIES; tries++) {
        poll(NULL, 0, tries > 0 ? REST_MS : 0);
        for (size_t i = 0; i < listener->count; i++)
            while (accept_one(http, listener->fds[i], &full))
                continue;
    }
}

static void *accept_all(void *arg)
{
    struct http *http = arg;
    struct pollfd polls[LISTENER_MAX_SOCKETS + 1] = {
        {.fd = http->stop, .events = POLLIN}};
    nfds_t count = (nfds_t)http->listener.count;
    uint64_t sweep_us = clock_now_us() + SWEEP_US;
    bool full;

    for (nfds_t i = 0; i < count; i++)
        polls[i + 1] =
            (struct pollfd){.fd = http->listener.fds[i], .events = POLLIN};
    pthread_setname_np(pthread_self(), "accept");
    while (!polls[0].revents) {
        full = false;
        atomic_store(&http->round_us, clock_now_us());
        for (nfds_t i = 1; i <= count; i++)
            for (int n = 0; polls[i].revents && n < ACCEPT_AT_ONCE; n++)
                if (!accept_one(http, polls[i].fd, &full))
                    break;
        if (clock_now_us() >= sweep_us) {
            connections_sweep(http->door.connections);
            sweep_us = clock_now_us() + SWEEP_US;
        }
        if (full)
            poll(polls, 1, PAUSE_MS);
        else
            poll(polls, count + 1, SWEEP_US / 1000);
    }
    accept_rest(http);
    return NULL;
}

/* libmicrohttpd is about to close a connection. */
static void on_connection(void *arg, struct MHD_Connection *connection,
                          void **slot, enum MHD_ConnectionNotificationCode code)
{
    struct exchange_door *door = arg;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    (void)slot;
    if (code != MHD_CONNECTION_NOTIFY_CLOSED)
        return;
    callbacks_forget(door, connection);
    if (info)
        connections_remove(door->connections, info->connect_fd);
}

/* ---- life ---- */

struct http *http_new(const struct config *config, struct error *err)
{
    struct http *http = calloc(1, sizeof *http);

    if (!http) {
        fail(err, ERROR_MEMORY, "no room for the server");
        return NULL;
    }
    http->door.config = config;
    http->stop = eventfd(0, EFD_CLOEXEC);
    if (http->stop < 0)
        fail(err, ERROR_INTERNAL, "no eventfd: %s", strerror(errno));
    else if (listener_open(&http->listener, config->listen, config->socket_mode,
                           err))
        return http;
    http_free(http);
    return NULL;
}

static bool start_daemon(struct http *http, struct error *err)
{
    struct exchange_door *door = &http->door;

    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
            MHD_USE_NO_LISTEN_SOCKET,
        0, NULL, NULL, callbacks_step, door, MHD_OPTION_CONNECTION_LIMIT,
        connections_max(door->connections), MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)door->config->timeout, MHD_OPTION_STRICT_FOR_CLIENT, STRICT,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)EXCHANGE_MEMORY,
        MHD_OPTION_URI_LOG_CALLBACK, callbacks_begin, door,
        MHD_OPTION_NOTIFY_COMPLETED, callbacks_end, door,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, door, MHD_OPTION_END);
    return http->daemon ||
           fail(err, ERROR_INTERNAL, "cannot start the HTTP thread");
}

bool http_start(struct http *http, const struct backend *backend,
                struct error *err)
{
    struct exchange_door *door = &http->door;
    int code;

    door->backend = *backend;
    door->lingering = lingering_new(err);
    if (!door->lingering)
        return false;
    door->connections = connections_new(door->config, backend->trusted,
                                        backend->metrics, door->lingering, err);
    if (!door->connections || !start_daemon(http, err))
        return false;
    atomic_store(&http->round_us, clock_now_us());
    code = pthread_create(&http->thread, NULL, accept_all, http);
    http->accepting = code == 0;
    return http->accepting ||
           fail(err, ERROR_INTERNAL, "cannot start the thread that accepts: %s",
                strerror(code));
}

const char *http_name(const struct http *http)
{
    return http->listener.name;
}

bool http_is_alive(const struct http *http, uint64_t max_us)
{
    uint64_t since = atomic_load(&http->door.busy_since_us);
    uint64_t round = atomic_load(&http->round_us);
    uint64_t now = clock_now_us(); /* not before either */

    return (since == 0 || now - since < max_us) &&
           (round == 0 || now - round < max_us + SWEEP_US);
}

void http_stop_accepting(struct http *http)
{
    uint64_t one = 1;

    if (!http->accepting)
        return;
    if (write(http->stop, &one, sizeof one) == (ssize_t)sizeof one)
        pthread_join(http->thread, NULL);
    http->accepting = false;
    atomic_store(&http->round_us, 0);
    listener_close(&http->listener);
}

bool http_wait(struct http *http, uint64_t until_us)
{
    struct exchange_door *door = &http->door;
    uint64_t now = clock_now_us(), sweep_us = now + SWEEP_US;

    while (atomic_load(&door->backend.metrics->in_flight) > 0 ||
           connections_drain(door->connections)) {
        if (now >= until_us)
            return false;
        if (now >= sweep_us) {
            connections_sweep(door->connections);
            sweep_us = now + SWEEP_US;
        }
        poll(NULL, 0, TICK_MS);
        now = clock_now_us();
    }
    return true;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    http_stop_accepting(http);
    if (http->daemon)
        MHD_stop_daemon(http->daemon);
    listener_close(&http->listener);
    connections_free(http->door.connections);
    lingering_free(http->door.lingering);
    if (http->stop >= 0)
        close(http->stop);
    free(http);
}
