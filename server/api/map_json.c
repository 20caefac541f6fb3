#include "server/api/map_json.h"

#include <nettle/base64.h>
#include <stdlib.h>

#include "server/api/float32.h"
#include "server/http/json.h"

static json_t *map_row(const float *values, size_t width)
{
    json_t *row = json_array();

    for (size_t x = 0; x < width; x++)
        if (json_array_append_new(row, real((double)values[x])) != 0) {
            json_decref(row);
            return NULL;
        }
    return row;
}

static json_t *map_values(const struct explain_map *map)
{
    json_t *rows = json_array();

    for (size_t y = 0; y < map->height; y++)
        if (json_array_append_new(
                rows, map_row(map->values + y * map->width, map->width)) != 0) {
            json_decref(rows);
            return NULL;
        }
    return rows;
}

/* Little-endian floats in base64. NULL: not enough memory. */
static json_t *map_floats(const struct explain_map *map)
{
    size_t count = map->height * map->width;
    size_t len = BASE64_ENCODE_RAW_LENGTH(count * sizeof(float));
    uint8_t *bytes = malloc(count * sizeof(float));
    char *encoded = malloc(len + 1);
    json_t *string = NULL;

    if (bytes && encoded) {
        float32_write(bytes, map->values, count);
        base64_encode_raw(encoded, count * sizeof(float), bytes);
        string = json_stringn_nocheck(encoded, len);
    }
    free(bytes);
    free(encoded);
    return string;
}

bool map_json_put_values(json_t *object, const struct explain_map *map,
                         enum explain_values values)
{
    if (values == EXPLAIN_VALUES_NONE)
        return true;
    return put(object, "values",
               values == EXPLAIN_VALUES_F32 ? map_floats(map)
                                            : map_values(map));
}
