#ifndef SERVER_HTTP_STREAM_H
#define SERVER_HTTP_STREAM_H

/* A response body that is sent while a worker is still making it: lines about
 * its progress, then its end, which is the worker's response.
 *
 *     worker                             HTTP thread
 *     stream_add(stream, line, len);     begins to send
 *     stream_add(...);                   stream_read(stream, ...);
 *     stream_end(stream, body, len);     stream_read(...) says that it is all
 *                                        stream_leave(stream);
 *
 * A stream that no line was added to has not begun: then the worker's response
 * is sent like any other.
 *
 * The worker never waits for a slow client. Lines that do not fit are dropped;
 * the end is not. Each function says whose it is. */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of short lines that may wait for a client. */
enum { STREAM_MAX_WAITING = 2048 };

/* What the HTTP side does for a stream. All are called with its lock held. */
struct stream_calls {
    void (*begin)(void *owner);     /* the first line is there */
    void (*pause)(void *owner);     /* there is nothing to read */
    void (*resume)(void *owner);    /* there is something again */
    void (*finish)(void *owner);    /* the end is there */
    bool (*cancelled)(void *owner); /* the client has disconnected */
};

struct stream {
    pthread_mutex_t lock;
    const struct stream_calls *calls; /* borrowed, and `owner`: set before any
                                         other thread has the stream */
    void *owner;                      /* valid until `left` */
    const char *content_type;         /* a constant */
    bool begun, ended, left;          /* guarded by lock, like all below */
    bool paused;                      /* the reader waits */
    bool gone;                        /* the client has disconnected */
    char *lines;                      /* (max_waiting, of which len) owned */
    size_t len, max_waiting;
    const uint8_t *end; /* (end_len) borrowed */
    size_t end_len, end_sent;
    uint64_t sent;
};

/* `content_type` is a constant. At most `max_waiting` bytes of lines wait for a
 * client, such as STREAM_MAX_WAITING. Returns NULL if there is not enough
 * memory. */
struct stream *stream_new(const char *content_type, size_t max_waiting)
    __attribute__((warn_unused_result));

/* Adds a line, or drops it if too many bytes wait. Worker. */
void stream_add(struct stream *stream, const char *line, size_t len);

/* Adds the end, which is borrowed until the reader has left. Worker; its last
 * call unless it returns STREAM_NOBODY.
 *
 * STREAM_NOT_BEGUN  nothing was done: no line was added before
 * STREAM_ENDED      the reader has the stream now
 * STREAM_NOBODY     the reader has left: the caller owns the stream */
enum stream_end { STREAM_NOT_BEGUN, STREAM_ENDED, STREAM_NOBODY };

enum stream_end stream_end(struct stream *stream, const uint8_t *end,
                           size_t len) __attribute__((warn_unused_result));

/* Whether the client of a stream that has begun has disconnected; sets *begun.
 * Worker. */
bool stream_is_cancelled(struct stream *stream, bool *begun);

/* Whether a line was added. HTTP thread. */
bool stream_has_begun(struct stream *stream);

/* Copies at most `max` bytes and returns their number; 0: there are none now,
 * and the reader was paused; -1: that was all. HTTP thread. */
long stream_read(struct stream *stream, char *out, size_t max);

/* How a reader has left. */
struct stream_left {
    bool is_owner;     /* of the stream: its worker has ended it, or it has not
                          begun. Otherwise the worker owns it */
    bool is_cancelled; /* the worker stops, or has stopped, because of it */
    uint64_t sent;     /* bytes that it has read */
};

/* The reader leaves, at the end or before it. HTTP thread; its last call. */
struct stream_left stream_leave(struct stream *stream);

/* NULL is allowed. */
void stream_free(struct stream *stream);

#endif
