#include "server/api/map_json.h"

#include "server/api/parts_json.h"
#include "server/http/json.h"

bool map_json_put_values(json_t *object, const struct explain_map *map,
                         enum explain_values values)
{
    if (values == EXPLAIN_VALUES_NONE)
        return true;
    return put(object, "values",
               values == EXPLAIN_VALUES_F32
                   ? parts_json_floats(map->values, map->height * map->width)
                   : parts_json_rows(map->values, map->height, map->width));
}
