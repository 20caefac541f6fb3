#ifndef SERVER_HTTP_FRAMING_H
#define SERVER_HTTP_FRAMING_H

/* The length of a request body by its headers (RFC 9112, section 6.3), and
 * whether they name one host (section 3.2).
 *
 * libmicrohttpd uses the first of several lengths, continues after an invalid
 * one, and ignores `Content-Length :`. A proxy in front may decide differently,
 * and then a body that it forwards would be a request to us (request
 * smuggling). So anything ambiguous is refused. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `= {0}` is a request without a body that need not name its host. */
struct framing {
    bool needs_host; /* set by the caller: HTTP/1.1 */
    size_t num_hosts;
    uint64_t len; /* by Content-Length; 0 without one */
    bool has_len;
    bool chunked;
    bool bad; /* two lengths, an invalid one, or another coding */
    bool bad_name;
    bool folded; /* set by the caller: a header has a second line */
};

/* Looks at one header. Any thread. */
void framing_header(struct framing *framing, const char *name,
                    const char *value);

/* What is wrong with the headers, as a constant; NULL if nothing is. */
const char *framing_problem(const struct framing *framing);

#endif
