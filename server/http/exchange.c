#include "server/http/exchange.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "server/http/answer.h"
#include "server/http/connections.h"
#include "server/http/cors.h"
#include "server/http/framing.h"
#include "server/http/hangup.h"
#include "server/http/route.h"
#include "server/http/upload.h"
#include "server/observe/observe.h"

enum { MAX_QUERY_FIELDS = 512 };

/* ---- responses that other threads make ---- */

/* On the worker's thread: the exchange goes back to the HTTP thread. */
static void done(struct deferred *deferred)
{
    struct exchange *x = deferred->owner;

    MHD_resume_connection(x->connection);
}

/* On the worker's thread too, until it is true. */
static bool is_cancelled(struct deferred *deferred)
{
    struct exchange *x = deferred->owner;

    if (!connections_is_gone(x->door->connections, x->fd))
        return false;
    metrics_reject(x->door->backend.metrics, METRICS_CLIENT_GONE);
    return true;
}

static enum MHD_Result start_work(struct exchange *x)
{
    struct deferred *deferred = x->request.deferred;

    x->stage = EXCHANGE_DONE;
    deferred->owner = x;
    deferred->done = done;
    deferred->cancelled = is_cancelled;
    connections_enter_work(x->door->connections, x->fd, x->interim);
    MHD_suspend_connection(x->connection);
    if (!deferred->start(deferred, &x->request))
        MHD_resume_connection(x->connection);
    return MHD_YES;
}

/* ---- requests ---- */

static enum MHD_Result add_param(void *arg, enum MHD_ValueKind kind,
                                 const char *name, size_t name_len,
                                 const char *value, size_t value_len)
{
    struct request *request = arg;
    bool ok = request_add_field(request) &&
              params_begin(&request->params, name, name_len, &request->err) &&
              params_extend(&request->params, value ? value : "",
                            value ? value_len : 0, &request->err);

    (void)kind;
    return ok ? MHD_YES : MHD_NO;
}

static const char *header(struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

/* What follows the authority of "http://authority/path", which is to be taken
 * for the path (RFC 9112, section 3.2.2); any other path is itself. */
static const char *path_of(const char *target)
{
    size_t len = strncasecmp(target, "http://", 7) == 0    ? 7
                 : strncasecmp(target, "https://", 8) == 0 ? 8
                                                           : 0;
    const char *path = len > 0 ? strchr(target + len, '/') : target;

    return path ? path : "/";
}

static void read_headers(struct exchange *x, const char *method,
                         const char *path)
{
    struct request *request = &x->request;

    request->max_fields = x->door->config->max_form_fields;
    snprintf(x->method, sizeof x->method, "%s", method);
    request->method = request_method_of(method);
    request->path = path_of(path);
    request->accept = header(x, "Accept");
    request->content_type = header(x, "Content-Type");
    request->content_encoding = header(x, "Content-Encoding");
    request->if_none_match = header(x, "If-None-Match");
    request->authorization = header(x, "Authorization");
    request->origin = header(x, "Origin");
    request_set_id(request, header(x, "X-Request-Id"));
    origin_read(&request->from, x->connection, x->door->backend.trusted);
}

static void count_rejected(struct exchange *x, enum metrics_reason reason)
{
    metrics_reject(x->door->backend.metrics, reason);
}

/* Whether a header was sent on one line. libmicrohttpd 0.9 glues what is on a
 * second one to the name, which it moves for that: a Content-Length with its
 * number there is a header Content-Length3, and the body another request. As
 * it leaves all others where they were, only blanks part name and value. 1.0
 * refuses such headers itself. */
static bool is_one_line(const char *name, const char *value)
{
    uintptr_t end = (uintptr_t)name + strlen(name) + 1;

    return MHD_VERSION >= 0x01000000 || !value ||
           ((uintptr_t)value >= end &&
            strspn(name + strlen(name) + 1, " \t") == (uintptr_t)value - end);
}

static enum MHD_Result add_framing(void *arg, enum MHD_ValueKind kind,
                                   const char *name, const char *value)
{
    struct framing *framing = arg;

    (void)kind;
    framing->folded |= !is_one_line(name, value);
    framing_header(framing, name, value ? value : "");
    return MHD_YES;
}

static bool check_framing(struct exchange *x)
{
    struct framing framing = {.needs_host = x->interim};
    const char *problem;

    MHD_get_connection_values(x->connection, MHD_HEADER_KIND, add_framing,
                              &framing);
    x->request.body_len = framing.len;
    problem = framing_problem(&framing);
    if (!problem)
        return true;
    count_rejected(x, METRICS_MALFORMED);
    return request_fail(&x->request, PROBLEM_MALFORMED, "%s", problem);
}

static bool check_headers(struct exchange *x)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        x->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    uint64_t max = x->door->config->max_header_bytes;

    x->request.limit = x->target_len > max / 2 ? max / 2 : max;
    if (x->target_len > max / 2)
        request_fail(&x->request, PROBLEM_TARGET,
                     "the request target is longer than the %ju bytes allowed",
                     (uintmax_t)(max / 2));
    else if (info && info->header_size > max)
        request_fail(&x->request, PROBLEM_HEADERS,
                     "the headers are longer than the %ju bytes allowed",
                     (uintmax_t)max);
    else
        x->request.limit = 0;
    if (x->request.limit > 0)
        count_rejected(x, METRICS_HEADER_BYTES);
    return x->request.limit == 0;
}

static bool check_length(struct exchange *x, uint64_t len)
{
    uint64_t max = x->door->config->max_body_bytes;

    if (len <= max)
        return true;
    if (x->request.err.kind == ERROR_NONE)
        count_rejected(x, METRICS_BODY_BYTES);
    x->request.limit = max;
    return request_fail(&x->request, PROBLEM_LIMIT,
                        "the body is longer than the %ju bytes allowed",
                        (uintmax_t)max);
}

/* Whether there is room for so many bytes of body more. What clients announce
 * takes no room from others: only what has come does. */
static bool check_inflight(struct exchange *x, uint64_t len)
{
    uint64_t max = x->door->config->max_inflight_bytes;

    if (len <= max && x->door->inflight_bytes <= max - len)
        return true;
    if (x->request.err.kind == ERROR_NONE)
        count_rejected(x, METRICS_INFLIGHT_BYTES);
    x->request.limit = max;
    return request_fail(&x->request, PROBLEM_BUSY,
                        "the bodies of all requests together are as long as "
                        "the %ju bytes allowed",
                        (uintmax_t)max);
}

static void give_back(struct exchange *x)
{
    x->door->inflight_bytes -= x->held;
    x->held = 0;
}

/* The body may come as slowly as one that has been silent as long as it may,
 * and then came at the lowest rate. */
static bool check_pace(struct exchange *x)
{
    const struct config *config = x->door->config;
    uint64_t max_s = config->receive_timeout;
    uint64_t rate = config->min_receive_rate;
    uint64_t spent_s = (clock_now_us() - x->begin_us) / 1000000;

    if (rate > 0 && config->timeout + x->received / rate < max_s)
        max_s = config->timeout + x->received / rate;
    if (spent_s < max_s)
        return true;
    count_rejected(x, METRICS_RECEIVE_TIMEOUT);
    if (max_s == config->receive_timeout)
        return request_fail(&x->request, PROBLEM_SLOW,
                            "the body took longer than the %ju s allowed",
                            (uintmax_t)max_s);
    return request_fail(&x->request, PROBLEM_SLOW,
                        "the body came more slowly than the %ju bytes a second "
                        "allowed",
                        (uintmax_t)rate);
}

static bool answer_options(struct exchange *x)
{
    char allow[64];

    route_allow(x->door->backend.routes, allow, sizeof allow, x->request.path);
    response_header(&x->request.response, "Allow", "%s", allow);
    cors_preflight(&x->request.response, &x->door->config->cors_origins,
                   x->request.origin);
    x->request.response.status = 204;
    return true;
}

/* Everything that can be said before the body; false: a failure. */
static bool check_head(struct exchange *x)
{
    struct request *request = &x->request;
    enum route_result found =
        route_find(x->door->backend.routes, &request->route, request->method,
                   request->path);
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
    if (!access_allows(x->door->backend.access, request->route->access,
                       request->authorization))
        return request_fail(request, PROBLEM_UNAUTHORIZED,
                            "this path asks for a bearer token%s",
                            request->authorization
                                ? ", and the one in Authorization is not known"
                                : " in Authorization");
    if (!check_length(x, request->body_len))
        return false;
    if (!request->route->check)
        return true;
    MHD_get_connection_values_n(x->connection, MHD_GET_ARGUMENT_KIND, add_param,
                                request);
    if (request->err.kind != ERROR_NONE)
        return false;
    if (!request->route->check(x->door->backend.service, request))
        return false;
    if (request->route->method != REQUEST_POST)
        return true;
    if (!check_inflight(x, request->body_len))
        return false;
    x->upload = upload_new(request);
    return x->upload != NULL;
}

/* A short body of a request that has failed is read and thrown away, and the
 * connection lives on. Not where it is too long or there is no room, nor where
 * the client asks first whether to send it. */
static bool must_refuse_now(struct exchange *x)
{
    return x->request.problem == PROBLEM_BUSY ||
           x->request.body_len > x->door->config->max_body_bytes ||
           header(x, "Expect") != NULL;
}

static enum MHD_Result begin(struct exchange *x, const char *method,
                             const char *path)
{
    x->stage = EXCHANGE_BODY;
    if (!connections_enter(x->door->connections, x->fd, CONNECTIONS_BODY))
        return MHD_NO;
    read_headers(x, method, path);
    if (!check_headers(x) || !check_framing(x))
        return answer_now(x);
    if (!check_head(x) && must_refuse_now(x))
        return answer_now(x);
    return MHD_YES;
}

/* The failure is recorded; the memory can go now. */
static void drop_body(struct exchange *x)
{
    upload_free(x->upload);
    x->upload = NULL;
    buf_release(&x->request.picture);
    give_back(x);
}

static enum MHD_Result receive(struct exchange *x, const char *bytes,
                               size_t len)
{
    struct request *request = &x->request;

    x->received += len;
    if (!check_pace(x) || !check_length(x, x->received))
        return answer_now(x);
    if (x->upload) {
        if (!check_inflight(x, len))
            return answer_now(x);
        x->held += len;
        x->door->inflight_bytes += len;
    }
    if (request->err.kind == ERROR_NONE && x->upload &&
        !upload_feed(x->upload, bytes, len))
        drop_body(x);
    return MHD_YES;
}

/* The request is there as a whole. */
static enum MHD_Result finish(struct exchange *x)
{
    struct request *request = &x->request;
    bool ok = request->err.kind == ERROR_NONE;

    if (ok && x->upload)
        ok = upload_end(x->upload);
    if (ok && request->response.status == 0)
        ok = request->route->handle(x->door->backend.service, request);
    if (!ok)
        drop_body(x);
    upload_free(x->upload);
    x->upload = NULL;
    if (ok && request->deferred) {
        /* Asked for an answer and given none, libmicrohttpd asks again at
         * once, and from then on it does not read from the socket first. If it
         * did after the job, it would take the end of what a client sends for
         * the end of the connection. */
        x->stage = EXCHANGE_WORK;
        return MHD_YES;
    }
    return answer_send(x);
}

/* What the watchdog looks at: this thread may only be slow, never stuck. */
static void set_busy(struct exchange_door *door)
{
    atomic_store(&door->busy_since_us, clock_now_us());
}

static void set_idle(struct exchange_door *door)
{
    atomic_store(&door->busy_since_us, 0);
}

enum MHD_Result exchange_step(void *arg, struct MHD_Connection *connection,
                              const char *path, const char *method,
                              const char *version, const char *bytes,
                              size_t *len, void **slot)
{
    struct exchange *x = *slot;
    enum MHD_Result result;

    if (!x || x->linger)
        return MHD_NO; /* there was no memory for it, or it is refused */
    set_busy(arg);
    x->connection = connection;
    if (x->stage == EXCHANGE_HEADERS) {
        x->interim = strcmp(version, "HTTP/1.0") != 0;
        result = begin(x, method, path);
    } else if (x->stage == EXCHANGE_WORK) {
        result = start_work(x);
    } else if (x->stage == EXCHANGE_DONE) {
        give_back(x); /* the worker has decoded the picture */
        result = answer_send(x);
    } else if (*len == 0) {
        result = finish(x);
    } else {
        result = receive(x, bytes, *len);
        *len = 0;
    }
    set_idle(arg);
    return result;
}

static void link_to_door(struct exchange *x)
{
    x->next = x->door->open;
    if (x->next)
        x->next->prev = x;
    x->door->open = x;
}

static void unlink_from_door(struct exchange *x)
{
    if (x->next)
        x->next->prev = x->prev;
    if (x->prev)
        x->prev->next = x->next;
    else
        x->door->open = x->next;
}

/* Fails a request whose headers are not there. */
static void fail_early(struct exchange *x, enum problem problem,
                       const char *detail, uint64_t limit)
{
    if (x->request.err.kind == ERROR_NONE)
        x->request.limit = limit;
    if (!x->request.response.id)
        request_set_id(&x->request, NULL);
    request_fail(&x->request, problem, "%s", detail);
    answer_now(x);
}

/* libmicrohttpd has no room for so many, and 0.9.75 would say nothing. */
static void check_query(struct exchange *x, const char *query)
{
    struct request *request = &x->request;
    uint64_t num_fields = 1;

    for (; (query = strchr(query, '&')) != NULL; query++)
        num_fields++;
    if (num_fields <= MAX_QUERY_FIELDS)
        return;
    request->num_fields = num_fields;
    request->max_fields = MAX_QUERY_FIELDS;
    fail_early(x, PROBLEM_LIMIT,
               "there are more options in the query than are allowed",
               MAX_QUERY_FIELDS);
}

void *exchange_begin(void *arg, const char *target,
                     struct MHD_Connection *connection)
{
    struct exchange_door *door = arg;
    struct exchange *x = calloc(1, sizeof *x);
    size_t len = strcspn(target, "?");

    if (!x) {
        metrics_reject(door->backend.metrics, METRICS_MEMORY);
        return NULL; /* it is hung up on */
    }
    atomic_fetch_add(&door->backend.metrics->in_flight, 1);
    x->door = door;
    x->connection = connection;
    x->fd = answer_socket(connection);
    x->target_len = strlen(target);
    x->begin_us = clock_now_us();
    link_to_door(x);
    connections_enter(door->connections, x->fd, CONNECTIONS_HEADERS);
    snprintf(x->target, sizeof x->target, "%.*s",
             (int)(len < EXCHANGE_MAX_TARGET ? len : EXCHANGE_MAX_TARGET),
             target);
    for (size_t i = 0; i + 2 < len; i++)
        x->has_nul = x->has_nul || memcmp(target + i, "%00", 3) == 0;
    check_query(x, target + len);
    return x;
}

/* Why it was refused, where that is not counted yet. */
static enum metrics_reason reason_of(const struct request *request,
                                     const struct response *response)
{
    if (request->deferred && request->deferred->late)
        return METRICS_DEADLINE;
    if (response->status == problem_status(PROBLEM_MEMORY) && response->kind &&
        strcmp(response->kind, problem_kind(PROBLEM_MEMORY)) == 0)
        return METRICS_MEMORY;
    if (request->problem == PROBLEM_UNAUTHORIZED)
        return METRICS_UNAUTHORIZED;
    if (request->problem == PROBLEM_DRAINING && request->method == REQUEST_POST)
        return METRICS_DRAINING;
    return METRICS_NUM_REASONS;
}

/* A bug of ours or a broken model is for who runs the service, and else only
 * the client would have been told what it was. */
static const char *explain(const struct request *request,
                           const struct response *response)
{
    if (response->status != problem_status(PROBLEM_INTERNAL))
        return NULL;
    return request->err.kind == ERROR_NONE && request->deferred
               ? request->deferred->err.text
               : request->err.text;
}

static void observe(struct exchange *x)
{
    struct request *request = &x->request;
    const struct response *response = request_response(request);
    char client[PEER_NAME_SIZE];
    struct observed observed = {
        .line = {.method = x->method[0] ? x->method : "-",
                 .path = x->target,
                 .client = client,
                 .id = request->id[0] ? request->id : "-",
                 .problem = response->kind,
                 .trace = &request->from.trace,
                 .stages =
                     request->deferred ? &request->deferred->stages : NULL,
                 .status = x->status,
                 .received = x->received,
                 .bytes = request->method == REQUEST_HEAD ? 0 : x->sent_len,
                 .ms = clock_ms_since(x->begin_us)},
        .route = route_number(x->door->backend.routes, request->route),
        .reason = reason_of(request, response),
        .why = explain(request, response),
    };

    peer_name(client, &request->from.client);
    observe_request(x->door->backend.metrics,
                    (enum config_log_format)x->door->config->log_format,
                    &observed);
}

/* Its client was too slow, and has been told so. */
static void note_what_was_said(struct exchange *x)
{
    unsigned status = connections_said(x->door->connections, x->fd);

    if (status == 0)
        return;
    x->status = status;
    x->request.response.kind = problem_kind(PROBLEM_SLOW);
}

static void end(struct exchange *x)
{
    struct exchange_door *door = x->door;
    int fd = x->linger ? fcntl(x->fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;

    if (fd >= 0)
        hangup_add(door->hangup, fd);
    if (!x->linger)
        connections_enter(door->connections, x->fd, CONNECTIONS_IDLE);
    if (x->request.num_fields > x->request.max_fields)
        count_rejected(x, METRICS_FORM_FIELDS);
    give_back(x);
    if (x->status == 0)
        note_what_was_said(x);
    if (x->request.from.client.kind == PEER_UNKNOWN) /* before its headers */
        origin_of_connection(&x->request.from, x->connection);
    observe(x);
    upload_free(x->upload);
    request_release(&x->request);
    unlink_from_door(x);
    free(x);
    atomic_fetch_sub(&door->backend.metrics->in_flight, 1);
}

void exchange_end(void *arg, struct MHD_Connection *connection, void **slot,
                  enum MHD_RequestTerminationCode code)
{
    struct exchange *x = *slot;

    if (!x)
        return;
    set_busy(arg);
    x->connection = connection;
    if (code == MHD_REQUEST_TERMINATED_WITH_ERROR && !x->linger)
        x->status = 0; /* the answer, if there was one, did not get through */
    end(x);
    *slot = NULL;
    set_idle(arg);
}

void exchange_forget(struct exchange_door *door,
                     struct MHD_Connection *connection)
{
    struct exchange *x = door->open;

    while (x && x->connection != connection)
        x = x->next;
    if (x)
        end(x);
}
