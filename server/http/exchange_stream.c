#include "server/http/exchange_stream.h"

#include "server/http/connections.h"

enum { BLOCK_SIZE = 16384 };

/* ---- on the worker's thread, with the stream's lock ---- */

/* The state changes first: no interim response may be sent in the middle of the
 * response. */
static void begin(void *owner)
{
    struct exchange *x = owner;

    connections_enter(x->door->connections, x->fd, CONNECTIONS_STREAMING);
    MHD_resume_connection(x->connection);
}

static void resume(void *owner)
{
    struct exchange *x = owner;

    MHD_resume_connection(x->connection);
}

/* From now on the client must read in time. */
static void finish(void *owner)
{
    struct exchange *x = owner;

    connections_enter(x->door->connections, x->fd, CONNECTIONS_SENDING);
}

static bool is_cancelled(void *owner)
{
    struct exchange *x = owner;

    return connections_is_cancelled(x->door->connections, x->fd);
}

enum stream_end exchange_stream_end(struct deferred *deferred)
{
    const struct response *response = &deferred->response;

    return response->constant
               ? stream_end(deferred->stream, response->constant,
                            response->constant_len)
               : stream_end(deferred->stream, response->body.data,
                            response->body.len);
}

/* ---- on the HTTP thread ---- */

static void suspend(void *owner)
{
    struct exchange *x = owner;

    MHD_suspend_connection(x->connection);
}

void exchange_stream_attach(struct exchange *x)
{
    static const struct stream_calls calls = {begin, suspend, resume, finish,
                                              is_cancelled};
    struct stream *stream = x->request.deferred->stream;

    stream->calls = &calls;
    stream->owner = x;
}

bool exchange_stream_has_begun(const struct exchange *x)
{
    const struct deferred *deferred = x->request.deferred;

    return deferred && deferred->stream && stream_has_begun(deferred->stream);
}

static ssize_t read_stream(void *arg, uint64_t pos, char *out, size_t max)
{
    long len = stream_read(arg, out, max);

    (void)pos;
    return len < 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)len;
}

struct MHD_Response *exchange_stream_make(struct exchange *x)
{
    struct stream *stream = x->request.deferred->stream;
    struct response *response = &x->request.response;

    response->status = 200;
    response->content_type = stream->content_type;
    response_header(response, "Cache-Control", "no-store");
    /* nginx would keep the lines until there are enough of them. */
    response_header(response, "X-Accel-Buffering", "no");
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE,
                                             read_stream, stream, NULL);
}

void exchange_stream_leave(struct exchange *x)
{
    struct deferred *deferred = x->request.deferred;
    bool begun = exchange_stream_has_begun(x);
    struct stream_left left;

    if (!begun)
        return;
    left = stream_leave(deferred->stream);
    x->sent_len = left.sent;
    if (left.is_cancelled)
        exchange_count(x, METRICS_CLIENT_GONE);
    if (!left.is_owner) {
        x->request.deferred = NULL;
        x->status = 0; /* it was not delivered */
    }
}
