/* DESIGN
 *
 * One thread of libmicrohttpd's (epoll) does all of HTTP. It never waits: what
 * takes time is a job for the workers. That is why /healthz, /readyz and
 * /metrics answer at once however much work there is.
 *
 * An exchange is one request and its reply, from the request line until the
 * last byte is handed to the kernel; libmicrohttpd calls, in this order:
 *
 *     exchange_begin   the request line: the exchange is made
 *     exchange_step    headers: route, limits, options; nothing is answered
 *                      yet, or the body would be refused unread
 *     exchange_step    body: once a piece, then once with none: the handler
 *                      runs; it leaves a reply, a failure, or a job
 *     exchange_step    after a job: the connection was suspended by us and
 *                      resumed by the worker
 *     exchange_end     however it ended: logged, counted, freed
 *
 * Where threads meet: at a job. submit() suspends the connection and then
 * pushes the job; from there it belongs to the worker, until job_done(), which
 * runs on the worker's thread and does nothing but resume the connection. The
 * queue's lock hands the job over one way, libmicrohttpd's own lock the other.
 * Suspending first matters: the worker may be through before queue_push
 * returns. While a connection is suspended nothing calls us for it, so the
 * exchange stays as it is; that the client has left shows only afterwards.
 * Models change on the main thread (SIGHUP): it opens the new one without any
 * lock, takes that of models.c to put it in its place, and each worker's to
 * drop its session of the old one. A request checked against a model takes it
 * along in its job, so it is answered by that one.
 *
 * A body that is too long is answered while it still comes in. libmicrohttpd
 * takes no reply in the middle of a body, and closing a socket with unread
 * bytes resets it under the client's nose, so answer_now() writes the few
 * hundred bytes to the socket itself, tells libmicrohttpd to drop the
 * connection, and leaves the rest to hangup.c. */

#include "http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "exchange.h"
#include "hangup.h"

enum {
    CONNECTION_MEMORY = 65536, /* headers, and the pieces bodies come in */
    LISTEN_BACKLOG = 511
};

struct http {
    struct exchange_door door;
    struct MHD_Daemon *daemon; /* owned */
    int listen_fd;             /* -1 while the daemon has it */
    char url[128];
};

/* Splits "host:port" or "[v6]:port"; an empty host means every address. */
static bool split_address(char *host, size_t host_size, const char **port,
                          const char *address, struct error *err)
{
    const char *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;
    bool bracketed = len >= 2 && address[0] == '[' && address[len - 1] == ']';

    if (!colon || len >= host_size || !colon[1] ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strtoul(colon + 1, NULL, 10) > 65535 ||
        (!bracketed && memchr(address, ':', len)))
        return fail(err, ERROR_INPUT,
                    "--listen: \"%s\" is not ADDRESS:PORT, such as "
                    "127.0.0.1:8080 or [::1]:8080",
                    address);
    snprintf(host, host_size, "%.*s", (int)(bracketed ? len - 2 : len),
             address + bracketed);
    *port = colon + 1;
    return true;
}

static bool listen_on(struct http *http, const struct addrinfo *at,
                      struct error *err)
{
    int on = 1;
    int fd =
        socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return fail(err, ERROR_IO, "cannot listen on %s: %s",
                    http->door.config->listen, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0) {
        fail(err, ERROR_IO, "cannot listen on %s: %s",
             http->door.config->listen, strerror(errno));
        close(fd);
        return false;
    }
    http->listen_fd = fd;
    return true;
}

static bool open_socket(struct http *http, struct error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char host[256];
    const char *port = "";
    bool ok;
    int code;

    if (!split_address(host, sizeof host, &port, http->door.config->listen,
                       err))
        return false;
    code = getaddrinfo(host[0] ? host : NULL, port, &hints, &list);
    if (code != 0)
        return fail(err, ERROR_IO, "cannot listen on %s: %s",
                    http->door.config->listen, gai_strerror(code));
    ok = listen_on(http, list, err);
    freeaddrinfo(list);
    return ok;
}

static bool find_url(struct http *http, struct error *err)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    char host[80], port[8];

    if (getsockname(http->listen_fd, (struct sockaddr *)&at, &len) != 0 ||
        getnameinfo((struct sockaddr *)&at, len, host, sizeof host, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return fail(err, ERROR_IO, "the address listened on has no name");
    snprintf(http->url, sizeof http->url,
             at.ss_family == AF_INET6 ? "http://[%s]:%s" : "http://%s:%s", host,
             port);
    return true;
}

struct http *http_new(const struct config *config, struct error *err)
{
    struct http *http = calloc(1, sizeof *http);

    if (!http) {
        fail(err, ERROR_MEMORY, "no room for the server");
        return NULL;
    }
    http->door.config = config;
    http->listen_fd = -1;
    pthread_mutex_init(&http->door.lock, NULL);
    pthread_cond_init(&http->door.completed, NULL);
    if (open_socket(http, err) && find_url(http, err))
        return http;
    http_free(http);
    return NULL;
}

bool http_start(struct http *http, struct service *service, struct error *err)
{
    http->door.service = service;
    http->door.hangup = hangup_new(err);
    if (!http->door.hangup)
        return false;
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        exchange_step, &http->door, MHD_OPTION_LISTEN_SOCKET, http->listen_fd,
        MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)http->door.config->max_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)http->door.config->timeout,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, &http->door,
        MHD_OPTION_NOTIFY_COMPLETED, exchange_end, &http->door, MHD_OPTION_END);
    http->listen_fd = -1; /* the daemon closes it, also where it fails */
    if (!http->daemon)
        return fail(err, ERROR_INTERNAL, "cannot start the HTTP thread");
    return true;
}

const char *http_url(const struct http *http)
{
    return http->url;
}

void http_stop_accepting(struct http *http)
{
    http->listen_fd = MHD_quiesce_daemon(http->daemon);
    /* The HTTP thread may be about to use it once more, so it stays open, but
     * deaf, until that thread has ended. */
    if (http->listen_fd >= 0)
        shutdown(http->listen_fd, SHUT_RDWR);
}

void http_wait(struct http *http)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)http->door.config->drain_timeout;
    pthread_mutex_lock(&http->door.lock);
    while (service_in_flight(http->door.service) > 0 &&
           pthread_cond_timedwait(&http->door.completed, &http->door.lock,
                                  &until) == 0)
        ;
    pthread_mutex_unlock(&http->door.lock);
}

void http_free(struct http *http)
{
    if (!http)
        return;
    if (http->daemon)
        MHD_stop_daemon(http->daemon);
    if (http->listen_fd >= 0)
        close(http->listen_fd);
    hangup_free(http->door.hangup);
    pthread_cond_destroy(&http->door.completed);
    pthread_mutex_destroy(&http->door.lock);
    free(http);
}
