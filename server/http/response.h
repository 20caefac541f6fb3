#ifndef SERVER_HTTP_RESPONSE_H
#define SERVER_HTTP_RESPONSE_H

/* An HTTP response. response_send writes it to a socket directly, where
 * libmicrohttpd cannot: in the middle of a body, or before it has the
 * connection. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"

/* How a failure is written: as RFC 9457 says, or as `{"error": "..."}`, which
 * clients of other services read. */
enum problem_shape { PROBLEM_DETAILS, PROBLEM_ERROR };

enum { RESPONSE_MAX_HEADERS = 20, RESPONSE_HEADER_SIZE = 256 };

struct response_header {
    const char *name; /* a constant */
    char value[RESPONSE_HEADER_SIZE];
};

/* `= {0}` is empty: no response yet. One thread at a time. */
struct response {
    unsigned status;          /* 0: no response yet */
    const char *content_type; /* a constant; NULL without a body */
    struct buf body;          /* owned */
    const uint8_t
        *constant; /* used instead of body: bytes that are never freed */
    size_t constant_len;
    struct response_header headers[RESPONSE_MAX_HEADERS]; /* (num_headers) */
    size_t num_headers;
    bool close;               /* close the connection afterwards */
    const char *title, *kind; /* of a problem, constants; else NULL */
    const char *id; /* of the request, for problems; borrowed, or NULL */
    enum problem_shape shape; /* of a problem */
};

/* Adds a header. One header too many, or a value that is too long, is a bug; it
 * is dropped. */
void response_header(struct response *response, const char *name,
                     const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes the status line, the headers and, unless the request was HEAD, the
 * body of a problem that closes its connection. false: the socket did not take
 * all of it at once. Any thread. */
bool response_send(int fd, const struct response *response, bool with_body);

void response_release(struct response *response);

#endif
