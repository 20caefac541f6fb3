#ifndef SERVER_HTTP_UPLOAD_H
#define SERVER_HTTP_UPLOAD_H

/* A request body on its way into a request: a form (multipart/form-data, the
 * picture in the field `image`, options in the others), or the picture itself.
 * Belongs to the HTTP thread. How much is fed is the caller's to bound. */

#include <stdbool.h>
#include <stddef.h>

#include "server/http/request.h"

/* The bodies that are taken, as a header Accept says it. */
#define UPLOAD_TYPES "multipart/form-data, image/*, application/octet-stream"

struct upload;

/* By the request's Content-Type, which handle_cam_check has accepted. The
 * request is borrowed. NULL: the failure is in the request. */
struct upload *upload_new(struct request *request)
    __attribute__((warn_unused_result));

/* Takes the next bytes; false: the failure is in the request. */
bool upload_feed(struct upload *upload, const char *bytes, size_t len)
    __attribute__((warn_unused_result));

/* The body is there as a whole; false: the failure is in the request. */
bool upload_end(struct upload *upload) __attribute__((warn_unused_result));

void upload_free(struct upload *upload);

#endif
