#include "server/http/answer.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "server/api/route.h"
#include "server/http/connections.h"
#include "server/http/cors.h"
#include "server/http/handle.h"
#include "server/http/problem.h"
#include "server/http/wire.h"

/* Headers that every reply has, whoever made it. */
static void add_common_headers(struct exchange *x, struct reply *reply)
{
    reply_header(reply, "X-Request-Id", "%s", x->request.id);
    reply_header(reply, "X-Content-Type-Options", "nosniff");
    if (x->request.route && x->request.route->check)
        reply_header(reply, "Vary", "Accept");
    cors_answer(reply, &x->door->config->cors_origins, x->request.origin);
    if (service_is_draining(x->door->service))
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

    if (!connections_enter(x->door->connections, x->fd, CONNECTIONS_SENDING))
        return MHD_NO;
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

/* Makes the recorded failure the reply, and says what would be taken instead:
 * RFC 9110, sections 15.5.6 and 15.5.16. */
static void fail_reply(struct exchange *x)
{
    struct request *request = &x->request;
    struct reply *reply = &request->reply;
    char allow[64];

    request_answer_failure(request);
    if (request->problem == PROBLEM_METHOD) {
        route_allow(allow, sizeof allow, request->path);
        reply_header(reply, "Allow", "%s", allow);
    } else if (request->problem == PROBLEM_MEDIA_TYPE) {
        reply_header(reply, "Accept", "%s", HANDLE_CAM_TYPES);
    } else if (request->problem == PROBLEM_CODING) {
        reply_header(reply, "Accept-Encoding", "identity");
    }
}

enum MHD_Result answer_send(struct exchange *x)
{
    struct request *request = &x->request;
    struct reply *reply = request->job ? &request->job->reply : &request->reply;

    if (request->err.kind != ERROR_NONE) {
        fail_reply(x);
        reply = &request->reply;
    }
    return send_reply(x, reply);
}

int answer_socket(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info ? info->connect_fd : -1;
}

enum MHD_Result answer_now(struct exchange *x)
{
    struct reply *reply = &x->request.reply;
    struct buf text = {0};

    if (!connections_enter(x->door->connections, x->fd, CONNECTIONS_CLOSING))
        return MHD_NO;
    fail_reply(x);
    add_common_headers(x, reply);
    x->linger = true;
    if (wire_print(&text, reply, x->request.method != REQUEST_HEAD) &&
        wire_send(x->fd, &text)) {
        x->status = reply->status;
        x->sent_len = reply->body.len;
    }
    /* libmicrohttpd may have an opinion of its own on this request. */
    shutdown(x->fd, SHUT_WR);
    buf_release(&text);
    return MHD_NO;
}
