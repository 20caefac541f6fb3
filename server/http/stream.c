#include "server/http/stream.h"

#include <stdlib.h>
#include <string.h>

struct stream *stream_new(const char *content_type, size_t max_waiting)
{
    struct stream *stream = calloc(1, sizeof *stream);
    char *lines = malloc(max_waiting);

    if (!stream || !lines) {
        free(stream);
        free(lines);
        return NULL;
    }
    stream->lines = lines;
    stream->max_waiting = max_waiting;
    stream->content_type = content_type;
    pthread_mutex_init(&stream->lock, NULL);
    return stream;
}

/* Wakes a paused reader. Call with the lock held. */
static void wake(struct stream *stream)
{
    if (!stream->paused)
        return;
    stream->paused = false;
    stream->calls->resume(stream->owner);
}

void stream_add(struct stream *stream, const char *line, size_t len)
{
    pthread_mutex_lock(&stream->lock);
    if (!stream->left && len <= stream->max_waiting - stream->len) {
        memcpy(stream->lines + stream->len, line, len);
        stream->len += len;
        if (!stream->begun) {
            stream->begun = true;
            stream->calls->begin(stream->owner);
        }
        wake(stream);
    }
    pthread_mutex_unlock(&stream->lock);
}

enum stream_end stream_end(struct stream *stream, const uint8_t *end,
                           size_t len)
{
    enum stream_end result = STREAM_NOT_BEGUN;

    pthread_mutex_lock(&stream->lock);
    if (stream->left) {
        result = STREAM_NOBODY;
    } else if (stream->begun) {
        result = STREAM_ENDED;
        stream->end = end;
        stream->end_len = len;
        stream->ended = true;
        stream->calls->finish(stream->owner);
        wake(stream);
    }
    pthread_mutex_unlock(&stream->lock);
    return result;
}

bool stream_is_cancelled(struct stream *stream, bool *begun)
{
    bool gone;

    pthread_mutex_lock(&stream->lock);
    *begun = stream->begun;
    if (stream->begun && !stream->left && !stream->gone)
        stream->gone = stream->calls->cancelled(stream->owner);
    gone = stream->gone || stream->left;
    pthread_mutex_unlock(&stream->lock);
    return gone;
}

bool stream_has_begun(struct stream *stream)
{
    bool begun;

    pthread_mutex_lock(&stream->lock);
    begun = stream->begun;
    pthread_mutex_unlock(&stream->lock);
    return begun;
}

static size_t take_lines(struct stream *stream, char *out, size_t max)
{
    size_t len = stream->len < max ? stream->len : max;

    memcpy(out, stream->lines, len);
    stream->len -= len;
    memmove(stream->lines, stream->lines + len, stream->len);
    return len;
}

static size_t take_end(struct stream *stream, char *out, size_t max)
{
    size_t left = stream->end_len - stream->end_sent;
    size_t len = left < max ? left : max;

    if (len > 0)
        memcpy(out, stream->end + stream->end_sent, len);
    stream->end_sent += len;
    return len;
}

long stream_read(struct stream *stream, char *out, size_t max)
{
    size_t len;
    long result;

    pthread_mutex_lock(&stream->lock);
    len = take_lines(stream, out, max);
    len += take_end(stream, out + len, max - len);
    stream->sent += len;
    result = len > 0 || !stream->ended ? (long)len : -1;
    if (result == 0) {
        stream->paused = true;
        stream->calls->pause(stream->owner);
    }
    pthread_mutex_unlock(&stream->lock);
    return result;
}

struct stream_left stream_leave(struct stream *stream)
{
    struct stream_left result;

    pthread_mutex_lock(&stream->lock);
    result = (struct stream_left){
        .is_owner = stream->ended || !stream->begun,
        .is_cancelled = stream->gone || (stream->begun && !stream->ended),
        .sent = stream->sent,
    };
    stream->left = true;
    pthread_mutex_unlock(&stream->lock);
    return result;
}

void stream_free(struct stream *stream)
{
    if (!stream)
        return;
    pthread_mutex_destroy(&stream->lock);
    free(stream->lines);
    free(stream);
}
