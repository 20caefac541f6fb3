#include "server/http/callbacks.h"

#include <string.h>

#include "engine/base/clock.h"
#include "server/http/connections.h"
#include "server/http/exchange_head.h"
#include "server/http/exchange_stream.h"
#include "server/http/problem.h"
#include "server/http/route.h"
#include "server/http/upload.h"
#include "server/observe/metrics.h"

enum { MAX_QUERY_FIELDS = 512 };

/* ---- deferred responses ---- */

/* On the worker's thread: returns the exchange to the HTTP thread, unless that
 * has ended already. */
static void done(struct deferred *deferred)
{
    struct exchange *x = deferred->owner; /* may be gone if it is streamed */

    if (deferred->stream) {
        enum stream_end end = exchange_stream_end(deferred);

        if (end == STREAM_NOBODY)
            deferred->free(deferred);
        if (end != STREAM_NOT_BEGUN)
            return;
    }
    MHD_resume_connection(x->connection);
}

/* On the worker's thread too, until it returns true. */
static bool is_cancelled(struct deferred *deferred)
{
    struct exchange *x = deferred->owner;
    bool streams = false, cancelled = false;

    if (deferred->stream)
        cancelled = stream_is_cancelled(deferred->stream, &streams);
    if (streams)
        return cancelled;
    if (!connections_is_cancelled(x->door->connections, x->fd))
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
    if (deferred->stream)
        exchange_stream_attach(x);
    connections_enter_work(x->door->connections, x->fd, x->interim);
    MHD_suspend_connection(x->connection);
    if (!deferred->start(deferred, &x->request))
        MHD_resume_connection(x->connection);
    return MHD_YES;
}

/* ---- requests ---- */

/* The slowest body allowed is silent for the whole timeout, and then arrives at
 * the lowest rate. */
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
    exchange_count(x, METRICS_RECEIVE_TIMEOUT);
    if (max_s == config->receive_timeout)
        return request_fail(&x->request, PROBLEM_SLOW,
                            "the body took longer than the %ju s allowed",
                            (uintmax_t)max_s);
    return request_fail(
        &x->request, PROBLEM_SLOW,
        "the body arrived at less than the %ju bytes per second required",
        (uintmax_t)rate);
}

static enum MHD_Result begin(struct exchange *x, const char *method,
                             const char *path)
{
    x->stage = EXCHANGE_BODY;
    if (!connections_enter(x->door->connections, x->fd, CONNECTIONS_BODY))
        return MHD_NO;
    return exchange_head_read(x, method, path) ? MHD_YES : exchange_refuse(x);
}

/* Frees the body of a failed request. */
static void drop_body(struct exchange *x)
{
    upload_free(x->upload);
    x->upload = NULL;
    buf_release(&x->request.image);
    exchange_give_back(x);
}

static enum MHD_Result receive(struct exchange *x, const char *bytes,
                               size_t len)
{
    struct request *request = &x->request;

    x->received += len;
    if (!check_pace(x) || !exchange_check_length(x, x->received))
        return exchange_refuse(x);
    if (x->upload) {
        if (!exchange_check_room(x, len))
            return exchange_refuse(x);
        x->held += len;
        x->door->inflight_bytes += len;
    }
    if (request->err.kind == ERROR_NONE && x->upload &&
        !upload_feed(x->upload, bytes, len))
        drop_body(x);
    return MHD_YES;
}

/* The request is complete. */
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
        /* Without a response, libmicrohttpd calls again at once, and from then
         * on does not read the socket first. If it read after the job, it would
         * take a client's half-close for the end of the connection. */
        x->stage = EXCHANGE_WORK;
        return MHD_YES;
    }
    return exchange_send(x);
}

/* For the watchdog, which tells a slow thread from a stuck one. */
static void set_busy(struct exchange_door *door)
{
    atomic_store(&door->busy_since_us, clock_now_us());
}

static void set_idle(struct exchange_door *door)
{
    atomic_store(&door->busy_since_us, 0);
}

enum MHD_Result callbacks_step(void *arg, struct MHD_Connection *connection,
                               const char *path, const char *method,
                               const char *version, const char *bytes,
                               size_t *len, void **slot)
{
    struct exchange *x = *slot;
    enum MHD_Result result;

    if (!x || x->linger)
        return MHD_NO; /* not enough memory for it, or it is refused */
    set_busy(arg);
    x->connection = connection;
    if (x->stage == EXCHANGE_HEADERS) {
        x->interim = strcmp(version, "HTTP/1.0") != 0;
        result = begin(x, method, path);
    } else if (x->stage == EXCHANGE_WORK) {
        result = start_work(x);
    } else if (x->stage == EXCHANGE_DONE) {
        exchange_give_back(x); /* the worker has decoded the image */
        result = exchange_send(x);
    } else if (*len == 0) {
        result = finish(x);
    } else {
        result = receive(x, bytes, *len);
        *len = 0;
    }
    set_idle(arg);
    return result;
}

/* libmicrohttpd has no memory for more, and 0.9.75 would drop them silently. */
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
    request->limit = MAX_QUERY_FIELDS;
    request_set_id(request, NULL);
    request_fail(request, PROBLEM_LIMIT,
                 "the query has more than the %d options allowed",
                 MAX_QUERY_FIELDS);
    exchange_refuse(x);
}

void *callbacks_begin(void *arg, const char *target,
                      struct MHD_Connection *connection)
{
    struct exchange *x = exchange_new(arg, connection, target);
    size_t len = strcspn(target, "?");

    if (!x)
        return NULL; /* libmicrohttpd closes the connection */
    for (size_t i = 0; i + 2 < len; i++)
        x->has_nul = x->has_nul || memcmp(target + i, "%00", 3) == 0;
    check_query(x, target + len);
    return x;
}

void callbacks_end(void *arg, struct MHD_Connection *connection, void **slot,
                   enum MHD_RequestTerminationCode code)
{
    struct exchange *x = *slot;

    if (!x)
        return;
    set_busy(arg);
    x->connection = connection;
    if (code == MHD_REQUEST_TERMINATED_WITH_ERROR && !x->linger)
        x->status = 0; /* the response, if there was one, was not delivered */
    exchange_close(x);
    *slot = NULL;
    set_idle(arg);
}

void callbacks_forget(struct exchange_door *door,
                      struct MHD_Connection *connection)
{
    struct exchange *x = door->open;

    while (x && x->connection != connection)
        x = x->next;
    if (x)
        exchange_close(x);
}
