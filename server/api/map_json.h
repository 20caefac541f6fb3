#ifndef SERVER_API_MAP_JSON_H
#define SERVER_API_MAP_JSON_H

/* The values of a map as JSON. */

#include <jansson.h>

#include "engine/engine.h"

/* Puts "values" of a map into `object`: nothing, rows of numbers, or
 * little-endian floats in base64. Returns false if there is not enough memory.
 * Any thread. */
bool map_json_put_values(json_t *object, const struct explain_map *map,
                         enum explain_values values)
    __attribute__((warn_unused_result));

#endif
