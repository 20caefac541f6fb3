#include "server/http/answer.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "server/http/connections.h"
#include "server/http/cors.h"
#include "server/http/problem.h"
#include "server/http/response.h"
#include "server/http/route.h"
#include "server/http/upload.h"

/* Headers that every response has, whoever made it. */
static void add_common_headers(struct exchange *x, struct response *response)
{
    response_header(response, "X-Request-Id", "%s", x->request.id);
    response_header(response, "X-Content-Type-Options", "nosniff");
    if (x->request.route && x->request.route->check)
        response_header(response, "Vary", "Accept");
    cors_answer(response, &x->door->config->cors_origins, x->request.origin);
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
        response->body = (struct buf){0}; /* libmicrohttpd owns it now */
    return outgoing;
}

static enum MHD_Result send_response(struct exchange *x,
                                     struct response *response)
{
    struct MHD_Response *outgoing;
    enum MHD_Result result;

    if (!connections_enter(x->door->connections, x->fd, CONNECTIONS_SENDING))
        return MHD_NO;
    add_common_headers(x, response);
    x->status = response->status;
    x->sent_len =
        response->constant ? response->constant_len : response->body.len;
    outgoing = make_outgoing(response);
    if (!outgoing)
        return MHD_NO;
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

/* Makes the recorded failure the response, and says what would be taken instead:
 * RFC 9110, sections 15.5.6 and 15.5.16. */
static void fail_response(struct exchange *x)
{
    struct request *request = &x->request;
    struct response *response = &request->response;
    char allow[64];

    request_answer_failure(request);
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

enum MHD_Result answer_send(struct exchange *x)
{
    if (x->request.err.kind != ERROR_NONE)
        fail_response(x);
    return send_response(x, request_response(&x->request));
}

int answer_socket(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info ? info->connect_fd : -1;
}

enum MHD_Result answer_now(struct exchange *x)
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
    /* libmicrohttpd may have an opinion of its own on this request. */
    shutdown(x->fd, SHUT_WR);
    return MHD_NO;
}
