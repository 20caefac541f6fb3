#ifndef SERVER_API_POSTED_IMAGE_H
#define SERVER_API_POSTED_IMAGE_H

/* The image that is posted for POST /cam and its like: as the body, or in the
 * field `image` of a form. HTTP thread. */

#include <stdbool.h>

#include "server/work/service.h"

struct request;

/* Whether the body is a form, whose fields may be options too. */
bool posted_image_is_form(const struct request *request);

/* Checks the headers and the query before the body is read. false: the failure
 * is in the request: PROBLEM_MEDIA_TYPE, PROBLEM_CODING, PROBLEM_INPUT. */
bool posted_image_check_head(struct request *request)
    __attribute__((warn_unused_result));

/* Finds the model that is asked for before the body is read: *model is NULL if
 * a form field may still name it, and otherwise a reference for the caller.
 * false: the failure is in the request. */
bool posted_image_find_model(struct model **model, struct service *service,
                             struct request *request)
    __attribute__((warn_unused_result));

/* Whether there is an image, whose bytes may be an image's: not the name of a
 * file, its URL or a damaged upload. The decoder checks the rest. false: the
 * failure is in the request. */
bool posted_image_check(struct request *request)
    __attribute__((warn_unused_result));

#endif
