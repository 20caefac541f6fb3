#ifndef SERVER_HTTP_UPLOAD_H
#define SERVER_HTTP_UPLOAD_H

/* Reads a request body into a request: a form (multipart/form-data with the
 * image in the field `image`, and options in the others), or the image itself.
 * HTTP thread only. The caller limits the length. */

#include <stdbool.h>
#include <stddef.h>

#include "server/http/request.h"

/* The accepted content types, for an Accept header. */
#define UPLOAD_TYPES "multipart/form-data, image/*, application/octet-stream"

struct upload;

/* Creates the reader for the request's Content-Type, which handle_cam_check has
 * accepted. The request is borrowed. NULL: the failure is in the request. */
struct upload *upload_new(struct request *request)
    __attribute__((warn_unused_result));

/* Takes the next bytes; false: the failure is in the request. */
bool upload_feed(struct upload *upload, const char *bytes, size_t len)
    __attribute__((warn_unused_result));

/* Ends the body; false: the failure is in the request. */
bool upload_end(struct upload *upload) __attribute__((warn_unused_result));

void upload_free(struct upload *upload);

#endif
