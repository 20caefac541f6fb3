/* DESIGN
 *
 * One thread of libmicrohttpd's (epoll) does all of HTTP. It never waits: what
 * takes time is a job for the workers. That is why /healthz, /readyz and
 * /metrics answer at once however much work there is.
 *
 * An exchange is one request and its reply, from the request line until the
 * last byte is handed to the kernel; libmicrohttpd calls, in this order:
 *
 *     on_target    request line: the exchange is made
 *     on_request   STAGE_HEADERS: route, limits, options; nothing is answered
 *                  yet, or the body would be refused unread
 *     on_request   STAGE_BODY, once a piece of body, then once with none:
 *                  the handler runs; it leaves a reply, a failure, or a job
 *     on_request   STAGE_DONE, after a job: the connection was suspended by us
 *                  and resumed by the worker
 *     on_completed however it ended: logged, counted, freed
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
 * bytes resets it under the client's nose, so refuse_now() writes the few
 * hundred bytes to the socket itself, tells libmicrohttpd to drop the
 * connection, and leaves the rest to hangup.c. */

#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "hangup.h"
#include "log.h"
#include "problem.h"
#include "request.h"
#include "route.h"
#include "upload.h"

enum {
    CONNECTION_MEMORY = 65536, /* headers, and the pieces bodies come in */
    LISTEN_BACKLOG = 511,
    MAX_TARGET = 512 /* of a request target, as it is logged */
};

struct http {
    const struct config *config; /* borrowed */
    struct service *service;     /* borrowed */
    struct hangup *hangup;       /* owned */
    struct MHD_Daemon *daemon;   /* owned */
    int listen_fd;               /* -1 while the daemon has it */
    char url[128];

    pthread_mutex_t lock;
    pthread_cond_t completed; /* an exchange ended */
};

enum stage { STAGE_HEADERS, STAGE_BODY, STAGE_DONE };

struct exchange {
    struct http *http;                 /* borrowed */
    struct MHD_Connection *connection; /* borrowed */
    enum stage stage;
    uint64_t begin_us;
    uint64_t received; /* bytes of body so far */
    struct request request;
    struct upload *upload; /* owned; NULL: the body is thrown away */
    char method[16];       /* as it is logged, cut to fit */
    char target[MAX_TARGET];
    bool has_nul;      /* the path decodes to a NUL */
    bool linger;       /* hung up on while it sends */
    unsigned status;   /* of the reply, once there is one */
    uint64_t sent_len; /* of the reply's body */
};

/* ---- replies ---- */

/* Headers that every reply has, whoever made it. */
static void add_common_headers(struct exchange *x, struct reply *reply)
{
    reply_header(reply, "X-Request-Id", "%s", x->request.id);
    reply_header(reply, "X-Content-Type-Options", "nosniff");
    if (x->request.route && x->request.route->check)
        reply_header(reply, "Vary", "Accept");
    if (service_is_draining(x->http->service))
        reply->close = true;
}

static struct MHD_Response *make_response(struct reply *reply)
{
    struct MHD_Response *response;
    void *body = reply->body.data;

    if (reply->constant) {
        union {
            const uint8_t *in;
            void *out; /* the library does not write to it */
        } bytes = {.in = reply->constant};

        return MHD_create_response_from_buffer(reply->constant_len, bytes.out,
                                               MHD_RESPMEM_PERSISTENT);
    }
    if (reply->body.len == 0)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    response = MHD_create_response_from_buffer_with_free_callback(
        reply->body.len, body, free);
    if (response)
        reply->body = (struct buf){0}; /* the response owns it now */
    return response;
}

static enum MHD_Result send_reply(struct exchange *x, struct reply *reply)
{
    struct MHD_Response *response;
    enum MHD_Result result;

    add_common_headers(x, reply);
    x->status = reply->status;
    x->sent_len = reply->constant ? reply->constant_len : reply->body.len;
    response = make_response(reply);
    if (!response)
        return MHD_NO;
    if (reply->content_type)
        MHD_add_response_header(response, "Content-Type", reply->content_type);
    for (size_t i = 0; i < reply->num_headers; i++)
        MHD_add_response_header(response, reply->headers[i].name,
                                reply->headers[i].value);
    if (reply->close)
        MHD_add_response_header(response, "Connection", "close");
    result = MHD_queue_response(x->connection, x->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Makes the recorded failure the reply. */
static void fail_reply(struct exchange *x)
{
    struct request *request = &x->request;

    request_answer_failure(request);
    if (request->problem == PROBLEM_METHOD) {
        char allow[64];

        route_allow(allow, sizeof allow, request->path);
        reply_header(&request->reply, "Allow", "%s", allow);
    }
}

static enum MHD_Result answer(struct exchange *x)
{
    struct request *request = &x->request;
    struct reply *reply = request->job ? &request->job->reply : &request->reply;

    if (request->err.kind != ERROR_NONE) {
        fail_reply(x);
        reply = &request->reply;
    }
    return send_reply(x, reply);
}

static int socket_of(struct exchange *x)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info ? info->connect_fd : -1;
}

__attribute__((format(printf, 2, 3))) static bool print(struct buf *out,
                                                        const char *fmt, ...)
{
    char line[512];
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    return len >= 0 && (size_t)len < sizeof line &&
           buf_append(out, line, (size_t)len, NULL);
}

static bool print_reply(struct buf *out, const struct reply *reply,
                        bool with_body)
{
    time_t now = time(NULL);
    struct tm utc;
    char date[64];

    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    if (!print(out,
               "HTTP/1.1 %u %s\r\nDate: %s\r\nConnection: close\r\n"
               "Content-Length: %zu\r\n",
               reply->status, problem_title(reply->status), date,
               reply->body.len) ||
        (reply->content_type &&
         !print(out, "Content-Type: %s\r\n", reply->content_type)))
        return false;
    for (size_t i = 0; i < reply->num_headers; i++)
        if (!print(out, "%s: %s\r\n", reply->headers[i].name,
                   reply->headers[i].value))
            return false;
    return print(out, "\r\n") &&
           (!with_body ||
            buf_append(out, reply->body.data, reply->body.len, NULL));
}

/* Answers a failure while the body still comes in, and hangs up. The replies
 * before this one are in the kernel already, so nothing is overtaken; and what
 * is not taken at once from so short a text is lost with the connection. */
static enum MHD_Result refuse_now(struct exchange *x)
{
    struct reply *reply = &x->request.reply;
    struct buf text = {0};

    fail_reply(x);
    add_common_headers(x, reply);
    x->linger = true;
    if (print_reply(&text, reply, x->request.method != REQUEST_HEAD) &&
        send(socket_of(x), text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT) ==
            (ssize_t)text.len) {
        x->status = reply->status;
        x->sent_len = reply->body.len;
    }
    buf_release(&text);
    return MHD_NO;
}

/* ---- jobs ---- */

/* On the worker's thread: the job, and with it the exchange, goes back to the
 * HTTP thread. */
static void job_done(struct job *job)
{
    struct exchange *x = job->owner;

    MHD_resume_connection(x->connection);
}

static enum MHD_Result submit(struct exchange *x)
{
    struct request *request = &x->request;

    x->stage = STAGE_DONE;
    request->job->owner = x;
    request->job->done = job_done;
    MHD_suspend_connection(x->connection);
    /* From a successful push on, the job is not ours to look at. */
    if (!queue_push(&x->http->service->queue, request->job, &request->err)) {
        metrics_reject(&x->http->service->metrics,
                       service_is_draining(x->http->service)
                           ? METRICS_DRAINING
                           : METRICS_QUEUE_FULL);
        MHD_resume_connection(x->connection);
    }
    return MHD_YES;
}

/* ---- requests ---- */

static enum MHD_Result add_param(void *arg, enum MHD_ValueKind kind,
                                 const char *name, size_t name_len,
                                 const char *value, size_t value_len)
{
    struct request *request = arg;
    bool ok = params_begin(&request->params, name, name_len, &request->err) &&
              params_extend(&request->params, value ? value : "",
                            value ? value_len : 0, &request->err);

    (void)kind;
    return ok ? MHD_YES : MHD_NO;
}

static const char *header(struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

static void read_headers(struct exchange *x, const char *method,
                         const char *path)
{
    struct request *request = &x->request;
    const char *body_len = header(x, "Content-Length");

    snprintf(x->method, sizeof x->method, "%s", method);
    request->method = request_method_of(method);
    request->path = path;
    request->accept = header(x, "Accept");
    request->content_type = header(x, "Content-Type");
    request->if_none_match = header(x, "If-None-Match");
    if (body_len) /* libmicrohttpd has checked that it is a number */
        request->body_len = strtoull(body_len, NULL, 10);
    request_set_id(request, header(x, "X-Request-Id"));
}

static bool check_length(struct exchange *x, uint64_t len)
{
    uint64_t max = x->http->config->max_body_bytes;

    if (len <= max)
        return true;
    x->request.limit = max;
    return request_fail(&x->request, PROBLEM_LIMIT,
                        "the body is longer than the %ju bytes allowed",
                        (uintmax_t)max);
}

static bool answer_options(struct exchange *x)
{
    char allow[64];

    route_allow(allow, sizeof allow, x->request.path);
    reply_header(&x->request.reply, "Allow", "%s", allow);
    x->request.reply.status = 204;
    return true;
}

/* Everything that can be said before the body; false: a failure. */
static bool check_head(struct exchange *x)
{
    struct request *request = &x->request;
    enum route_result found =
        route_find(&request->route, request->method, request->path);
    bool options = request->method == REQUEST_OPTIONS;

    if (x->has_nul)
        return request_fail(request, PROBLEM_MALFORMED,
                            "the path contains a NUL byte");
    if (options && (request->route || strcmp(request->path, "*") == 0))
        return answer_options(x) && check_length(x, request->body_len);
    if (found == ROUTE_NO_PATH)
        return request_fail(request, PROBLEM_NOT_FOUND,
                            "there is nothing at this path");
    if (found == ROUTE_NO_METHOD)
        return request_fail(request, PROBLEM_METHOD,
                            "this path does not take the method %s", x->method);
    if (!check_length(x, request->body_len))
        return false;
    if (!request->route->check)
        return true;
    MHD_get_connection_values_n(x->connection, MHD_GET_ARGUMENT_KIND, add_param,
                                request);
    if (request->err.kind != ERROR_NONE)
        return false;
    if (!request->route->check(x->http->service, request))
        return false;
    if (request->route->method != REQUEST_POST)
        return true;
    x->upload = upload_new(x->connection, request);
    return x->upload != NULL;
}

/* A short body of a request that has failed is read and thrown away, and the
 * connection lives on. Not where it is too long, nor where the client asks
 * first whether to send it. */
static bool must_refuse_now(struct exchange *x)
{
    return x->request.body_len > x->http->config->max_body_bytes ||
           header(x, "Expect") != NULL;
}

static enum MHD_Result begin(struct exchange *x, const char *method,
                             const char *path)
{
    x->stage = STAGE_BODY;
    read_headers(x, method, path);
    if (!check_head(x) && must_refuse_now(x))
        return refuse_now(x);
    return MHD_YES;
}

static enum MHD_Result receive(struct exchange *x, const char *bytes,
                               size_t len)
{
    struct request *request = &x->request;
    uint64_t max_us = x->http->config->receive_timeout * UINT64_C(1000000);

    x->received += len;
    if (clock_now_us() - x->begin_us > max_us) {
        request_fail(request, PROBLEM_SLOW,
                     "the body took longer than the %ju s allowed",
                     (uintmax_t)x->http->config->receive_timeout);
        return refuse_now(x);
    }
    if (!check_length(x, x->received))
        return refuse_now(x);
    if (request->err.kind == ERROR_NONE && x->upload &&
        !upload_feed(x->upload, bytes, len)) {
        /* The failure is recorded; the memory can go now. */
        upload_free(x->upload);
        x->upload = NULL;
        buf_release(&request->picture);
    }
    return MHD_YES;
}

/* The request is there as a whole. */
static enum MHD_Result finish(struct exchange *x)
{
    struct request *request = &x->request;
    bool ok = request->err.kind == ERROR_NONE;

    if (ok && x->upload)
        ok = upload_end(x->upload);
    upload_free(x->upload);
    x->upload = NULL;
    if (ok && request->reply.status == 0)
        ok = request->route->handle(x->http->service, request);
    if (ok && request->job)
        return submit(x);
    return answer(x);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection,
                                  const char *path, const char *method,
                                  const char *version, const char *bytes,
                                  size_t *len, void **slot)
{
    struct exchange *x = *slot;
    enum MHD_Result result;

    (void)arg;
    (void)version;
    if (!x)
        return MHD_NO; /* there was no memory for it */
    x->connection = connection;
    if (x->stage == STAGE_HEADERS)
        return begin(x, method, path);
    if (x->stage == STAGE_DONE)
        return answer(x);
    if (*len == 0)
        return finish(x);
    result = receive(x, bytes, *len);
    *len = 0;
    return result;
}

/* Gives the request line as it came: the path that on_request gets is decoded
 * and ends at the first NUL. */
static void *on_target(void *arg, const char *target,
                       struct MHD_Connection *connection)
{
    struct http *http = arg;
    struct exchange *x = calloc(1, sizeof *x);
    size_t len = strcspn(target, "?");

    atomic_fetch_add(&http->service->num_in_flight, 1);
    if (!x)
        return NULL;
    x->http = http;
    x->connection = connection;
    x->begin_us = clock_now_us();
    snprintf(x->target, sizeof x->target, "%.*s",
             (int)(len < MAX_TARGET ? len : MAX_TARGET), target);
    for (size_t i = 0; i + 2 < len; i++)
        x->has_nul = x->has_nul || memcmp(target + i, "%00", 3) == 0;
    return x;
}

static void finish_log(struct exchange *x)
{
    struct log_entry entry = {
        .method = x->method[0] ? x->method : "-",
        .path = x->target,
        .id = x->request.id[0] ? x->request.id : "-",
        .status = x->status,
        .bytes = x->request.method == REQUEST_HEAD ? 0 : x->sent_len,
        .ms = clock_ms_since(x->begin_us),
    };

    log_request((enum config_log_format)x->http->config->log_format, &entry);
}

static void on_completed(void *arg, struct MHD_Connection *connection,
                         void **slot, enum MHD_RequestTerminationCode code)
{
    struct http *http = arg;
    struct exchange *x = *slot;

    (void)connection;
    if (x && code == MHD_REQUEST_TERMINATED_WITH_ERROR && !x->linger)
        x->status = 0; /* the answer did not get through */
    if (x) {
        int fd = x->linger
                     ? fcntl(socket_of(x), F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                     : -1;

        if (fd >= 0)
            hangup_add(http->hangup, fd);
        metrics_count(&http->service->metrics, route_number(x->request.route),
                      x->status);
        finish_log(x);
        upload_free(x->upload);
        request_release(&x->request);
        free(x);
        *slot = NULL;
    }
    pthread_mutex_lock(&http->lock);
    atomic_fetch_sub(&http->service->num_in_flight, 1);
    pthread_cond_broadcast(&http->completed);
    pthread_mutex_unlock(&http->lock);
}

/* ---- life ---- */

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
                    http->config->listen, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0) {
        fail(err, ERROR_IO, "cannot listen on %s: %s", http->config->listen,
             strerror(errno));
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

    if (!split_address(host, sizeof host, &port, http->config->listen, err))
        return false;
    code = getaddrinfo(host[0] ? host : NULL, port, &hints, &list);
    if (code != 0)
        return fail(err, ERROR_IO, "cannot listen on %s: %s",
                    http->config->listen, gai_strerror(code));
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
    http->config = config;
    http->listen_fd = -1;
    pthread_mutex_init(&http->lock, NULL);
    pthread_cond_init(&http->completed, NULL);
    if (open_socket(http, err) && find_url(http, err))
        return http;
    http_free(http);
    return NULL;
}

bool http_start(struct http *http, struct service *service, struct error *err)
{
    http->service = service;
    http->hangup = hangup_new(err);
    if (!http->hangup)
        return false;
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        on_request, http, MHD_OPTION_LISTEN_SOCKET, http->listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)http->config->max_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)http->config->timeout,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, http,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_END);
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
    until.tv_sec += (time_t)http->config->drain_timeout;
    pthread_mutex_lock(&http->lock);
    while (service_in_flight(http->service) > 0 &&
           pthread_cond_timedwait(&http->completed, &http->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&http->lock);
}

void http_free(struct http *http)
{
    if (!http)
        return;
    if (http->daemon)
        MHD_stop_daemon(http->daemon);
    if (http->listen_fd >= 0)
        close(http->listen_fd);
    hangup_free(http->hangup);
    pthread_cond_destroy(&http->completed);
    pthread_mutex_destroy(&http->lock);
    free(http);
}
