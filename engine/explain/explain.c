#include "engine/explain/explain.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"
#include "engine/explain/percentile.h"

static const struct explain_method *const methods[] = {
#define X(word, name) &word##_method,
    EXPLAIN_METHODS(X)
#undef X
};

static const char *const names[] = {
#define X(word, name) name,
    EXPLAIN_METHODS(X)
#undef X
};

enum { NUM_METHODS = sizeof methods / sizeof methods[0] };

const struct explain_method *explain_method(size_t i)
{
    return i < NUM_METHODS ? methods[i] : NULL;
}

const struct explain_method *explain_method_named(const char *name)
{
    for (size_t i = 0; i < NUM_METHODS; i++)
        if (strcmp(names[i], name) == 0)
            return methods[i];
    return NULL;
}

const char *explain_method_name(const struct explain_method *method)
{
    for (size_t i = 0; i < NUM_METHODS; i++)
        if (methods[i] == method)
            return names[i];
    return "";
}

const struct explain_method *explain_choose(const char **refusal,
                                            const struct explain_task *task)
{
    *refusal = NULL;
    for (size_t i = 0; i < NUM_METHODS; i++) {
        const char *why = methods[i]->refuse(task);

        if (!why)
            return methods[i];
        *refusal = *refusal ? *refusal : why;
    }
    return NULL;
}

size_t explain_passes(const struct explain_method *method,
                      const struct explain_task *task)
{
    return method->passes ? method->passes(task) : 0;
}

/* The share of the pixels that are drawn with less than the full colour at
 * most: gradients of a few pixels are many times those of all others. */
static const double SHARE = 0.995;

void explain_find_range(struct explain_map *map)
{
    map->min = map->max = map->values[0];
    for (size_t i = 1; i < map->height * map->width; i++) {
        float value = map->values[i];

        map->min = value < map->min ? value : map->min;
        map->max = value > map->max ? value : map->max;
    }
}

/* Sets the scale by the range. */
static void find_scale(struct explain_map *map,
                       const struct explain_method *method)
{
    map->scale =
        method->is_signed && -map->min > map->max ? -map->min : map->max;
    if (method->of_pixels) {
        size_t count = map->height * map->width;

        map->scale = percentile_of_sizes(map->values, count, SHARE);
        if (map->scale == 0) /* all but a few pixels are 0 */
            map->scale = percentile_of_sizes(map->values, count, 1);
    }
}

bool explain_run(struct explain_maps *maps, const struct explain_method *method,
                 const struct explain_input *input, struct error *err)
{
    if (!method->explain(maps, input, err))
        return err->kind == ERROR_UNSUPPORTED
                   ? error_prefix(err, "%s", explain_method_name(method))
                   : false;
    for (size_t i = 0; i < maps->count; i++) {
        explain_find_range(&maps->map[i]);
        find_scale(&maps->map[i], method);
    }
    return true;
}

bool explain_reserve(struct explain_maps *maps, size_t height, size_t width,
                     struct error *err)
{
    size_t cells = height * width;

    assert(maps->count <= EXPLAIN_MAX_CLASSES);
    if (cells > EXPLAIN_MAX_CELLS / maps->count)
        return fail(err, ERROR_LIMIT,
                    "%zu maps of %zu x %zu pixels are more than %d pixels",
                    maps->count, width, height, EXPLAIN_MAX_CELLS);
    maps->values = scratch_reserve(maps->values, &maps->values_cap,
                                   maps->count * cells, sizeof(float), err);
    if (!maps->values)
        return false;
    memset(maps->values, 0, maps->count * cells * sizeof(float));
    for (size_t i = 0; i < maps->count; i++)
        maps->map[i] = (struct explain_map){
            .class_index = maps->map[i].class_index,
            .width = width,
            .height = height,
            .values = maps->values + i * cells,
        };
    return true;
}

bool explain_reserve_colours(struct explain_maps *maps, size_t num_colours,
                             struct error *err)
{
    size_t count = maps->map[0].height * maps->map[0].width * num_colours;

    if (count > EXPLAIN_MAX_CELLS / maps->count)
        return fail(err, ERROR_LIMIT,
                    "%zu maps of %zu colours are more than %d numbers",
                    maps->count, count, EXPLAIN_MAX_CELLS);
    maps->colours = scratch_reserve(maps->colours, &maps->colours_cap,
                                    maps->count * count, sizeof(float), err);
    if (!maps->colours)
        return false;
    memset(maps->colours, 0, maps->count * count * sizeof(float));
    for (size_t i = 0; i < maps->count; i++) {
        maps->map[i].colours = maps->colours + i * count;
        maps->map[i].num_colours = num_colours;
    }
    return true;
}

void explain_add_check(struct explain_map *map, const char *name,
                       double expected, double found)
{
    assert(map->num_checks < EXPLAIN_MAX_CHECKS);
    map->checks[map->num_checks++] =
        (struct explain_check){name, expected, found};
}

void explain_release(struct explain_maps *maps)
{
    free(maps->values);
    free(maps->colours);
    *maps = (struct explain_maps){0};
}
