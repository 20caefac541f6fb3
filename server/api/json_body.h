#ifndef SERVER_API_JSON_BODY_H
#define SERVER_API_JSON_BODY_H

/* Request bodies that are JSON, and the images and options in them. HTTP
 * thread. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "server/api/json_numbers.h"
#include "server/http/request.h"

/* Values and names in a body together: what they take in memory is bounded by
 * this, and by the body's length. */
enum { JSON_BODY_MAX_VALUES = 65536 };

/* Reads an object. NULL: the failure is in the request: PROBLEM_INPUT says
 * where the text is not JSON, or that it is no object; PROBLEM_LIMIT,
 * PROBLEM_MEMORY. Release it with json_decref. */
json_t *json_body_read(struct request *request, const uint8_t *bytes,
                       size_t len) __attribute__((warn_unused_result));

/* The same, but a list of numbers is read as an empty one, and costs no memory.
 * Without one, `numbers` is empty. */
json_t *json_body_read_around(struct request *request, const uint8_t *bytes,
                              size_t len, const struct json_numbers *numbers)
    __attribute__((warn_unused_result));

/* Whether the body's type may be JSON: application/json, or none at all. */
bool json_body_has_type(const struct request *request);

/* Decodes a string of base64, which may be a data URL and may be broken into
 * lines, and appends its bytes. ERROR_INPUT: it is no string, or not base64.
 * ERROR_MEMORY. */
bool json_body_decode(struct buf *file, const json_t *text, struct error *err)
    __attribute__((warn_unused_result));

/* Adds the members of an object to the options of a request: strings, numbers
 * and booleans (1 and 0). Those named in `left_out`, which ends with NULL, are
 * not. NULL stands for an empty object. false: the failure is in the request.
 */
bool json_body_options(struct request *request, json_t *object,
                       const char *const *left_out)
    __attribute__((warn_unused_result));

#endif
