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

/* Milliseconds of each stage. */
json_t *parts_json_timing(const struct engine_timing *t, double queue_ms);

#endif
