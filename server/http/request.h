#ifndef SERVER_HTTP_REQUEST_H
#define SERVER_HTTP_REQUEST_H

/* One HTTP request as the handlers see it. exchange.c fills it in; a handler
 * adds a response, a deferred response or a failure. Belongs to the HTTP
 * thread. */

#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "server/http/deferred.h"
#include "server/http/origin.h"
#include "server/http/params.h"
#include "server/http/problem.h"
#include "server/http/response.h"

struct route;

enum { REQUEST_ID_SIZE = 72 };

enum request_method {
    REQUEST_OTHER,
    REQUEST_GET,
    REQUEST_HEAD,
    REQUEST_POST,
    REQUEST_OPTIONS
};

/* Where its image comes from. */
enum request_image {
    REQUEST_NO_IMAGE,
    REQUEST_IMAGE_BODY,  /* the body itself */
    REQUEST_IMAGE_FIELD, /* the form's field `image`, without a filename */
    REQUEST_IMAGE_FILE   /* the same with one */
};

struct request {
    enum request_method method;
    const char *path; /* decoded; borrowed from the connection, like the
                         headers, which may be NULL */
    const char *accept;
    const char *content_type;
    const char *content_encoding;
    const char *if_none_match;
    const char *authorization; /* never printed */
    const char *origin;        /* of the page whose script sent it */
    const char *header_len;    /* Inference-Header-Content-Length */
    uint64_t body_len;         /* by Content-Length; 0 without one */
    char id[REQUEST_ID_SIZE];  /* the client's X-Request-Id, or one of ours */
    const struct route *route; /* NULL: the path has none */

    uint64_t num_fields; /* of query and form, so far */
    uint64_t max_fields;
    struct params params; /* of the query, then of the form */
    struct buf image;
    enum request_image image_from;

    struct deferred *deferred; /* owned; NULL: the response is not deferred */
    struct response response;
    struct origin from; /* its client */

    struct error err;     /* the first failure, which becomes the response */
    enum problem problem; /* its problem; PROBLEM_NONE: follows from its kind */
    uint64_t limit;       /* the limit that was exceeded, or 0 */
};

enum request_method request_method_of(const char *name);

/* Records the first failure and its problem; returns false. */
bool request_fail(struct request *request, enum problem problem,
                  const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Makes the recorded failure the response. */
void request_respond_failure(struct request *request);

/* The response: the deferred one, if there is one and the request has not
 * failed. */
struct response *request_response(struct request *request);

/* Uses the client's id if it is valid (1 to 64 letters, digits, and ".-_"), and
 * otherwise makes one. HTTP thread only. */
void request_set_id(struct request *request, const char *theirs);

void request_release(struct request *request);

#endif
