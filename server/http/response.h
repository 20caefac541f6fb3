#ifndef SERVER_HTTP_RESPONSE_H
#define SERVER_HTTP_RESPONSE_H

/* An HTTP response on its way to a client; and as bytes on a socket, where
 * libmicrohttpd cannot give it: in the middle of a body, or before a connection
 * is its own. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"

enum { RESPONSE_MAX_HEADERS = 20, RESPONSE_HEADER_SIZE = 256 };

struct response_header {
    const char *name; /* a constant */
    char value[RESPONSE_HEADER_SIZE];
};

/* `= {0}` is empty: no answer yet. One thread at a time. */
struct response {
    unsigned status;          /* 0: no answer yet */
    const char *content_type; /* a constant; NULL where there is no body */
    struct buf body;          /* owned */
    const uint8_t *constant;  /* instead of body: bytes that live for ever */
    size_t constant_len;
    struct response_header headers[RESPONSE_MAX_HEADERS]; /* (num_headers) */
    size_t num_headers;
    bool close;               /* hang up afterwards */
    const char *title, *kind; /* of a problem, constants; NULL where it is none
                               */
    const char *id; /* of the request, for problems; borrowed, or NULL */
};

/* Adds a header. Too many, or too long a value, is a bug and is dropped. */
void response_header(struct response *response, const char *name,
                     const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes status line, headers and body (not where the request was HEAD) of a
 * problem that ends its connection to the socket, as much as it takes at once;
 * false: it was not all. Any thread. */
bool response_send(int fd, const struct response *response, bool with_body);

void response_release(struct response *response);

#endif
