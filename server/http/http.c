/* DESIGN
 *
 * A thread of our own accepts connections, asks connections.c to admit them,
 * and passes them to libmicrohttpd. Once a second it also closes those that are
 * too slow.
 *
 * One thread of libmicrohttpd (epoll) does all of HTTP. It never blocks: work
 * that takes time is a job for the workers. So /healthz, /readyz and /metrics
 * respond at once under any load.
 *
 * An exchange is one request and its response, from the request line until the
 * last byte is passed to the kernel. libmicrohttpd calls, in this order:
 *
 *     callbacks_begin   the request line: creates the exchange
 *     callbacks_step    the headers: checks route, limits and options; sends
 *                       nothing yet, or the body would be refused unread
 *     callbacks_step    the body: once per piece, then once without one, which
 *                       runs the handler; it leaves a response, a failure, or a
 *                       deferred response, for us a job
 *     callbacks_step    suspends the connection for a deferred response
 *     callbacks_step    after the worker has resumed the connection
 *     callbacks_end     logs, counts and frees it, however it ended
 *
 * Threads share only jobs. start_work() suspends the connection and then pushes
 * the job. From there it belongs to the worker, until done(), which runs on the
 * worker's thread and only resumes the connection. The queue's lock passes the
 * job one way, libmicrohttpd's own lock the other. The connection must be
 * suspended first, because the worker may finish before queue_push returns.
 * While it is suspended, libmicrohttpd does not call us for it, so the exchange
 * does not change. The worker asks whether the client has disconnected
 * (is_cancelled) before it begins, and between passes.
 *
 * A response that is streamed begins with its first line, and from then on the
 * exchange goes on while the worker is at work. They share the stream: its lock
 * guards what is written and read, and whether the reader has left. The worker
 * touches the exchange only with that lock, while the reader has not left. If
 * the exchange closes first, the worker frees the job; otherwise the exchange
 * does.
 *
 * Models change on the main thread (SIGHUP). It opens the new model without a
 * lock, takes the lock of models.c to replace the old one, and the lock of each
 * idle worker to drop its session; busy workers drop their own. A job holds the
 * model that its request was checked against, and runs on that one.
 *
 * A body that is too long gets its response while it is still arriving.
 * libmicrohttpd accepts no response in the middle of a body, and closing a
 * socket with unread bytes resets the connection before the client has read the
 * response. So exchange_refuse() writes the few hundred bytes to the socket
 * itself, tells libmicrohttpd to drop the connection, and leaves the rest to
 * lingering.c. libmicrohttpd itself refuses what is not HTTP, in its own words,
 * and closes the connection.
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
    ACCEPT_AT_ONCE = 64, /* from one socket, before the next one */
    SWEEP_US = 1000000,
    PAUSE_MS = 50, /* when no descriptors are left */
    REST_TRIES = 3,
    REST_MS = 1, /* between tries */
    TICK_MS = 5, /* of http_wait */
    /* libmicrohttpd 1.0, unless strict, redirects a target that contains spaces
     * to where the client says; 0.9 passes it on, or if strict closes the
     * connection. */
    STRICT = MHD_VERSION >= 0x01000000
};

struct http {
    struct exchange_door door;
    struct listener listener;
    struct MHD_Daemon *daemon; /* owned */
    pthread_t thread;          /* accepts */
    bool accepting;            /* that thread runs */
    int stop;                  /* an eventfd, for that thread; or -1 */
    _Atomic uint64_t
        round_us; /* when its loop last ran; 0: it is not running */
};

/* ---- accepting ---- */

/* Accepts one connection; false: none is waiting, or no descriptor is left. */
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
        connections_remove(http->door.connections, fd); /* it was closed */
    return true;
}

/* Accepts the connections whose handshake is complete, or nearly complete. */
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
        fail(err, ERROR_MEMORY, "not enough memory for the server");
        return NULL;
    }
    http->door.config = config;
    http->stop = eventfd(0, EFD_CLOEXEC);
    if (http->stop < 0)
        fail(err, ERROR_INTERNAL, "cannot create an eventfd: %s",
             strerror(errno));
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
           fail(err, ERROR_INTERNAL, "cannot start the accept thread: %s",
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
    uint64_t now = clock_now_us(); /* later than both */

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
