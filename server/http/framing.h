#ifndef SERVER_HTTP_FRAMING_H
#define SERVER_HTTP_FRAMING_H

/* How long a request's body is, by its headers (RFC 9112, section 6.3), and
 * whether they name one host (section 3.2).
 *
 * libmicrohttpd takes the first of several lengths, reads on after one that is
 * none, and knows no `Content-Length :`. A proxy before us may take another
 * one, and then what it sends as a body would be a request to us, so whatever
 * is not plain is refused. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `= {0}` is no body, of a request that need not name its host. */
struct framing {
    bool needs_host; /* set by the caller: HTTP/1.1 */
    size_t num_hosts;
    uint64_t len; /* by Content-Length; 0 where there is none */
    bool has_len;
    bool chunked;
    bool bad; /* two lengths, one that is no number, or another coding */
    bool bad_name;
    bool folded; /* set by the caller: a header has a second line */
};

/* Looks at one header. Any thread. */
void framing_header(struct framing *framing, const char *name,
                    const char *value);

/* Why the headers give no length, or no host; NULL: they do. Constant. */
const char *framing_problem(const struct framing *framing);

#endif
