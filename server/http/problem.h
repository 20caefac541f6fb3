#ifndef SERVER_HTTP_PROBLEM_H
#define SERVER_HTTP_PROBLEM_H

/* Every error a client sees is an RFC 9457 problem, or, on routes that follow
 * another protocol, only its detail as "error":
 *
 *     {"type": "about:blank", "title": "Content Too Large", "status": 413,
 *      "detail": "the body is longer than ...", "kind": "over-limit",
 *      "limit": 16777216, "request_id": "5f0c…-17"}
 *
 * Programs decide on `status` and `kind`; `detail` is for people. */

#include <stdint.h>

#include "engine/base/error.h"
#include "server/http/response.h"

/* X(problem, status, title, kind): one row per problem. The statuses are those
 * of RFC 9110; openapi.yaml lists them by route. */
#define PROBLEMS(X)                                                          \
    X(PROBLEM_NONE, 0, "", "none")                                           \
    X(PROBLEM_MALFORMED, 400, "Bad Request", "malformed")                    \
    X(PROBLEM_UNAUTHORIZED, 401, "Unauthorized", "unauthorized")             \
    X(PROBLEM_FORBIDDEN, 403, "Forbidden", "not-allowed")                    \
    X(PROBLEM_NOT_FOUND, 404, "Not Found", "not-found")                      \
    X(PROBLEM_METHOD, 405, "Method Not Allowed", "method-not-allowed")       \
    X(PROBLEM_NOT_ACCEPTABLE, 406, "Not Acceptable", "not-acceptable")       \
    X(PROBLEM_SLOW, 408, "Request Timeout", "too-slow")                      \
    X(PROBLEM_LIMIT, 413, "Content Too Large", "over-limit")                 \
    X(PROBLEM_MEDIA_TYPE, 415, "Unsupported Media Type", "unsupported")      \
    X(PROBLEM_CODING, 415, "Unsupported Media Type", "unsupported")          \
    X(PROBLEM_INPUT, 422, "Unprocessable Content", "bad-input")              \
    X(PROBLEM_REFUSED, 422, "Unprocessable Content", "unsupported")          \
    X(PROBLEM_TARGET, 414, "URI Too Long", "over-limit")                     \
    X(PROBLEM_TOO_MANY, 429, "Too Many Requests", "too-many")                \
    X(PROBLEM_HEADERS, 431, "Request Header Fields Too Large", "over-limit") \
    X(PROBLEM_INTERNAL, 500, "Internal Server Error", "internal")            \
    X(PROBLEM_BUSY, 503, "Service Unavailable", "busy")                      \
    X(PROBLEM_DRAINING, 503, "Service Unavailable", "draining")              \
    X(PROBLEM_MEMORY, 503, "Service Unavailable", "no-memory")

enum problem {
#define X(problem, status, title, kind) problem,
    PROBLEMS(X)
#undef X
};

unsigned problem_status(enum problem problem);

/* "over-limit" of PROBLEM_LIMIT. */
const char *problem_kind(enum problem problem);

/* The default problem for a kind of failure. */
enum problem problem_of(enum error_kind kind);

/* Turns `response` into this problem, whatever it held before; a 503 and a 429
 * get Retry-After. `limit` is the limit that was exceeded, or 0. `response->id`
 * and `shape` stay. Without memory for the text it becomes PROBLEM_MEMORY. Any
 * thread. */
void problem_response(struct response *response, enum problem problem,
                      const char *detail, uint64_t limit);

/* Writes a problem that belongs to no request to a socket, with Connection:
 * close. false: the socket did not take all of it at once. Any thread. */
bool problem_send(int fd, enum problem problem, const char *detail,
                  uint64_t limit);

#endif
