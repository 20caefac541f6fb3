#ifndef SERVER_API_PARTS_JSON_H
#define SERVER_API_PARTS_JSON_H

/* Parts that several JSON responses have. Where nothing else is said, they
 * return a new object, or NULL if there is not enough memory. Any thread. */

#include <jansson.h>
#include <stddef.h>

#include "engine/engine.h"

/* Puts "values" of a map into `object`: nothing, rows of numbers, or
 * little-endian floats in base64. Returns false if there is not enough memory.
 *
 * map  (height, width) */
bool parts_json_put_values(json_t *object, const float *map, size_t height,
                           size_t width, enum explain_values values)
    __attribute__((warn_unused_result));

json_t *parts_json_image(const struct image *image);
json_t *parts_json_region(const struct preprocess_region *region);

/* Name and shape; null for NULL. */
json_t *parts_json_layer(const struct layer *layer);

/* A file in base64. */
json_t *parts_json_base64(const struct buf *bytes);

/* Inserts a file as base64, behind the text `before`, as the last member of the
 * object that a body is. It is written directly into the body: a JSON string
 * would be copied three times and searched for characters to escape. The body
 * may be anything after a failure, ERROR_MEMORY. */
bool parts_json_splice(struct buf *body, const char *key, const char *before,
                       const struct buf *png, struct error *err)
    __attribute__((warn_unused_result));

/* Milliseconds of each stage. */
json_t *parts_json_timing(const struct engine_timing *t, double queue_ms);

#endif
