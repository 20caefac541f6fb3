#include "server/http/exchange.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "server/http/connections.h"
#include "server/http/cors.h"
#include "server/http/exchange_stream.h"
#include "server/http/lingering.h"
#include "server/http/problem.h"
#include "server/http/route.h"
#include "server/http/upload.h"
#include "server/observe/observe.h"

/* ---- limits ---- */

void exchange_count(struct exchange *x, enum metrics_reason reason)
{
    metrics_reject(x->door->backend.metrics, reason);
}

bool exchange_check_length(struct exchange *x, uint64_t len)
{
    uint64_t max = x->door->config->max_body_bytes;

    if (len <= max)
        return true;
    if (x->request.err.kind == ERROR_NONE)
        exchange_count(x, METRICS_BODY_BYTES);
    x->request.limit = max;
    return request_fail(&x->request, PROBLEM_LIMIT,
                        "the body is longer than the %ju bytes allowed",
                        (uintmax_t)max);
}

bool exchange_check_room(struct exchange *x, uint64_t len)
{
    uint64_t max = x->door->config->max_inflight_bytes;

    if (len <= max && x->door->inflight_bytes <= max - len)
        return true;
    if (x->request.err.kind == ERROR_NONE)
        exchange_count(x, METRICS_INFLIGHT_BYTES);
    x->request.limit = max;
    return request_fail(
        &x->request, PROBLEM_BUSY,
        "all request bodies together exceed the %ju bytes allowed",
        (uintmax_t)max);
}

void exchange_give_back(struct exchange *x)
{
    x->door->inflight_bytes -= x->held;
    x->held = 0;
}

/* ---- sending the response ---- */

/* Adds the headers that every response has. */
static void add_common_headers(struct exchange *x, struct response *response)
{
    response_header(response, "X-Request-Id", "%s", x->request.id);
    response_header(response, "X-Content-Type-Options", "nosniff");
    if (x->request.route && x->request.route->check)
        response_header(response, "Vary", "Accept");
    cors_respond(response, &x->door->config->cors_origins, x->request.origin);
    if (atomic_load(x->door->backend.draining))
        response->close = true;
}

static struct MHD_Response *make_outgoing(struct response *response)
{
    struct MHD_Response *outgoing;
    void *body = response->body.data;

    if (response->constant) {
        union {
            const uint8_t *in;
            void *out; /* the library does not write to it */
        } bytes = {.in = response->constant};

        return MHD_create_response_from_buffer(
            response->constant_len, bytes.out, MHD_RESPMEM_PERSISTENT);
    }
    if (response->body.len == 0)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    outgoing = MHD_create_response_from_buffer_with_free_callback(
        response->body.len, body, free);
    if (outgoing)
        response->body = (struct buf){0}; /* owned by libmicrohttpd now */
    return outgoing;
}

/* Passes the response's status and headers, and takes `outgoing`, its body. */
static enum MHD_Result queue_response(struct exchange *x,
                                      struct response *response,
                                      struct MHD_Response *outgoing)
{
    enum MHD_Result result;

    if (!outgoing)
        return MHD_NO;
    add_common_headers(x, response);
    x->status = response->status;
    if (response->content_type)
        MHD_add_response_header(outgoing, "Content-Type",
                                response->content_type);
    for (size_t i = 0; i < response->num_headers; i++)
        MHD_add_response_header(outgoing, response->headers[i].name,
                                response->headers[i].value);
    if (response->close)
        MHD_add_response_header(outgoing, "Connection", "close");
    result = MHD_queue_response(x->connection, x->status, outgoing);
    MHD_destroy_response(outgoing);
    return result;
}

static enum MHD_Result send_response(struct exchange *x,
                                     struct response *response)
{
    if (!connections_enter(x->door->connections, x->fd, CONNECTIONS_SENDING))
        return MHD_NO;
    x->sent_len =
        response->constant ? response->constant_len : response->body.len;
    return queue_response(x, response, make_outgoing(response));
}

/* Makes the recorded failure the response, and says what is accepted instead:
 * RFC 9110, sections 15.5.6 and 15.5.16. */
static void fail_response(struct exchange *x)
{
    struct request *request = &x->request;
    struct response *response = &request->response;
    char allow[64];

    request_respond_failure(request);
    if (request->problem == PROBLEM_METHOD) {
        route_allow(x->door->backend.routes, allow, sizeof allow,
                    request->path);
        response_header(response, "Allow", "%s", allow);
    } else if (request->problem == PROBLEM_MEDIA_TYPE) {
        response_header(response, "Accept", "%s", UPLOAD_TYPES);
    } else if (request->problem == PROBLEM_CODING) {
        response_header(response, "Accept-Encoding", "identity");
    }
}

enum MHD_Result exchange_send(struct exchange *x)
{
    if (x->request.err.kind != ERROR_NONE)
        fail_response(x);
    else if (exchange_stream_has_begun(x))
        return queue_response(x, &x->request.response, exchange_stream_make(x));
    return send_response(x, request_response(&x->request));
}

enum MHD_Result exchange_refuse(struct exchange *x)
{
    struct response *response = &x->request.response;

    if (!connections_enter(x->door->connections, x->fd, CONNECTIONS_CLOSING))
        return MHD_NO;
    fail_response(x);
    add_common_headers(x, response);
    x->linger = true;
    if (response_send(x->fd, response, x->request.method != REQUEST_HEAD)) {
        x->status = response->status;
        x->sent_len = response->body.len;
    }
    /* Keeps libmicrohttpd from sending a response of its own. */
    shutdown(x->fd, SHUT_WR);
    return MHD_NO;
}

/* ---- life ---- */

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

static int socket_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info ? info->connect_fd : -1;
}

struct exchange *exchange_new(struct exchange_door *door,
                              struct MHD_Connection *connection,
                              const char *target)
{
    struct exchange *x = calloc(1, sizeof *x);

    if (!x) {
        metrics_reject(door->backend.metrics, METRICS_MEMORY);
        return NULL;
    }
    atomic_fetch_add(&door->backend.metrics->in_flight, 1);
    x->door = door;
    x->connection = connection;
    x->fd = socket_of(connection);
    x->target_len = strlen(target);
    x->begin_us = clock_now_us();
    snprintf(x->target, sizeof x->target, "%.*s", (int)strcspn(target, "?"),
             target);
    link_to_door(x);
    connections_enter(door->connections, x->fd, CONNECTIONS_HEADERS);
    return x;
}

/* Why it was rejected, unless that is counted already. */
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

/* An internal error, a bug or a broken model, belongs in the log; otherwise
 * only the client would learn of it. */
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

/* Notes the 408 that connections_sweep may have sent. */
static void note_timeout(struct exchange *x)
{
    unsigned status = connections_timeout_status(x->door->connections, x->fd);

    if (status == 0)
        return;
    x->status = status;
    x->request.response.kind = problem_kind(PROBLEM_SLOW);
}

void exchange_close(struct exchange *x)
{
    struct exchange_door *door = x->door;
    int fd = x->linger ? fcntl(x->fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;

    if (fd >= 0)
        lingering_add(door->lingering, fd);
    if (!x->linger)
        connections_enter(door->connections, x->fd, CONNECTIONS_IDLE);
    if (x->request.num_fields > x->request.max_fields)
        exchange_count(x, METRICS_FORM_FIELDS);
    exchange_give_back(x);
    exchange_stream_leave(x);
    if (x->status == 0)
        note_timeout(x);
    if (x->request.from.client.kind ==
        PEER_UNKNOWN) /* ended before its headers */
        origin_of_connection(&x->request.from, x->connection);
    observe(x);
    upload_free(x->upload);
    request_release(&x->request);
    unlink_from_door(x);
    free(x);
    atomic_fetch_sub(&door->backend.metrics->in_flight, 1);
}
