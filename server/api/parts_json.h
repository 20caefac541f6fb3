#ifndef SERVER_API_PARTS_JSON_H
#define SERVER_API_PARTS_JSON_H

/* Parts that several JSON responses have. Each returns a new object, or NULL if
 * there is not enough memory. Any thread. */

#include <jansson.h>
#include <stddef.h>

#include "engine/engine.h"

/* Rows of numbers.
 *
 * values  (height, width) */
json_t *parts_json_rows(const float *values, size_t height, size_t width);

/* Little-endian floats in base64. */
json_t *parts_json_floats(const float *values, size_t count);

json_t *parts_json_image(const struct image *image);
json_t *parts_json_region(const struct preprocess_region *region);

/* Name and shape; null for NULL. */
json_t *parts_json_layer(const struct layer *layer);

/* Milliseconds of each stage. */
json_t *parts_json_timing(const struct engine_timing *t, double queue_ms);

#endif
