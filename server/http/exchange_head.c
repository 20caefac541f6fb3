#include "server/http/exchange_head.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "server/http/access.h"
#include "server/http/cors.h"
#include "server/http/field_limit.h"
#include "server/http/framing.h"
#include "server/http/route.h"
#include "server/http/upload.h"
#include "server/observe/metrics.h"

static enum MHD_Result add_param(void *arg, enum MHD_ValueKind kind,
                                 const char *name, size_t name_len,
                                 const char *value, size_t value_len)
{
    struct request *request = arg;
    bool ok = field_limit_count(request) &&
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

/* The path of an absolute target, "http://authority/path" (RFC 9112, section
 * 3.2.2); any other target is returned as it is. */
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
    request->header_len = header(x, "Inference-Header-Content-Length");
    request_set_id(request, header(x, "X-Request-Id"));
    origin_read(&request->from, x->connection, x->door->backend.trusted);
}

/* Whether a header was sent on one line. libmicrohttpd 0.9 appends a second
 * line to the name, which it moves for that: a Content-Length with its number
 * on a second line becomes a header Content-Length3, and the body another
 * request. It does not move other headers, so only blanks lie between their
 * name and value. 1.0 refuses folded headers itself. */
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
    exchange_count(x, METRICS_MALFORMED);
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
        exchange_count(x, METRICS_HEADER_BYTES);
    return x->request.limit == 0;
}

static bool respond_to_options(struct exchange *x)
{
    char allow[64];

    route_allow(x->door->backend.routes, allow, sizeof allow, x->request.path);
    response_header(&x->request.response, "Allow", "%s", allow);
    cors_preflight(&x->request.response, &x->door->config->cors_origins,
                   x->request.origin);
    x->request.response.status = 204;
    return true;
}

/* Checks everything that can be checked before the body; false: a failure. */
static bool check_head(struct exchange *x)
{
    struct request *request = &x->request;
    enum route_result found =
        route_find(x->door->backend.routes, &request->route, request->method,
                   request->path);
    bool options = request->method == REQUEST_OPTIONS;

    if (request->route)
        request->response.shape = request->route->shape;
    if (x->has_nul)
        return request_fail(request, PROBLEM_MALFORMED,
                            "the path contains a NUL byte");
    if (options && (request->route || strcmp(request->path, "*") == 0))
        return respond_to_options(x) &&
               exchange_check_length(x, request->body_len);
    if (found == ROUTE_NO_PATH)
        return request_fail(request, PROBLEM_NOT_FOUND,
                            "there is no resource at this path");
    if (found == ROUTE_NO_METHOD)
        return request_fail(request, PROBLEM_METHOD,
                            "this path does not support the method %s",
                            x->method);
    if (!access_allows(x->door->backend.access, request->route->access,
                       request->authorization))
        return request_fail(request, PROBLEM_UNAUTHORIZED,
                            "this path requires a bearer token%s",
                            request->authorization
                                ? "; the one in Authorization is not valid"
                                : " in Authorization");
    if (!exchange_check_length(x, request->body_len))
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
    if (!exchange_check_room(x, request->body_len))
        return false;
    x->upload = upload_new(request);
    return x->upload != NULL;
}

/* The short body of a failed request is read and discarded, and the connection
 * stays open. Not if it is too long, if the limit on all bodies is reached, or
 * if the client asks before it sends the body. */
static bool must_refuse_now(struct exchange *x)
{
    return x->request.problem == PROBLEM_BUSY ||
           x->request.body_len > x->door->config->max_body_bytes ||
           header(x, "Expect") != NULL;
}

bool exchange_head_read(struct exchange *x, const char *method,
                        const char *path)
{
    read_headers(x, method, path);
    return check_headers(x) && check_framing(x) &&
           (check_head(x) || !must_refuse_now(x));
}
