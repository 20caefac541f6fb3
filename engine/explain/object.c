#include "engine/explain/object.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"
#include "engine/explain/cam.h"
#include "engine/explain/combine.h"
#include "engine/explain/lanes.h"
#include "engine/explain/percentile.h"
#include "engine/explain/stretch.h"

/* Prototypes whose cosine is closer to 1 are the same. */
#define ALIKE 1e-4

static const double PERCENTILE = 0.97;
static const float POWER = 1.2f;

static const char *const seed_names[] = {
#define X(seed, name) [seed] = name,
    OBJECT_SEEDS(X)
#undef X
};

const char *object_seed_name(enum object_seed seed)
{
    return seed_names[seed];
}

/* ---- the map on the stage's cells ---- */

static float positive(float value)
{
    return value > 0 ? value : 0;
}

/* The mean of the cells of a finer map that begin in a coarser one. */
static float mean_in(const struct object_grid *map, size_t y, size_t x,
                     size_t height, size_t width)
{
    size_t top = y * map->height / height, left = x * map->width / width;
    size_t bottom = (y + 1) * map->height / height;
    size_t right = (x + 1) * map->width / width;
    double sum = 0;

    bottom += bottom == top;
    right += right == left;
    for (size_t i = top; i < bottom; i++)
        for (size_t j = left; j < right; j++)
            sum += (double)positive(map->values[i * map->width + j]);
    return (float)(sum / (double)((bottom - top) * (right - left)));
}

static float between(const struct object_grid *map,
                     const struct stretch_tap *down,
                     const struct stretch_tap *across)
{
    const float *a = map->values + down->a * map->width;
    const float *b = map->values + down->b * map->width;
    double above = (1 - across->share) * (double)positive(a[across->a]) +
                   across->share * (double)positive(a[across->b]);
    double below = (1 - across->share) * (double)positive(b[across->a]) +
                   across->share * (double)positive(b[across->b]);

    return (float)((1 - down->share) * above + down->share * below);
}

/* Interpolates between the cells of a coarser map, and averages those of a
 * finer one. */
static void bring(float *out, const struct object_grid *map, size_t height,
                  size_t width)
{
    const struct stretch_axis rows = stretch_edges(map->height, height);
    const struct stretch_axis columns = stretch_edges(map->width, width);
    const bool is_finer = map->height > height || map->width > width;

    for (size_t y = 0; y < height; y++) {
        struct stretch_tap down = stretch_tap(&rows, y);

        for (size_t x = 0; x < width; x++) {
            struct stretch_tap across = stretch_tap(&columns, x);

            out[y * width + x] = is_finer ? mean_in(map, y, x, height, width)
                                          : between(map, &down, &across);
        }
    }
}

/* p of every cell, in place; false if no value is positive. */
static bool to_shares(float *map, size_t count)
{
    float top = percentile_of_positive(map, count, PERCENTILE);

    if (!(top > 0))
        top = percentile_of_positive(map, count, 1);
    if (!(top > 0) || isinf(top))
        return false;
    for (size_t i = 0; i < count; i++)
        map[i] = powf(fminf(map[i], top) / top, POWER);
    return true;
}

/* ---- prototypes ---- */

/* Adds `weight` times the cell's features to a prototype. */
static void add(float *restrict prototype, const float *restrict cell,
                size_t channels, float weight)
{
    for (size_t c = 0; c < channels; c++)
        prototype[c] += weight * cell[c];
}

static double norm_of(const float *values, size_t count)
{
    return sqrt((double)lanes_sum(values, values, count, lanes_product));
}

static double cosine(const float *a, double norm_a, const float *b,
                     double norm_b, size_t count)
{
    double norms = norm_a * norm_b;

    return norms > 0 ? (double)lanes_sum(a, b, count, lanes_product) / norms
                     : 0;
}

static void make_prototypes(float *object, float *around,
                            const struct object_grid *features,
                            const float *shares)
{
    const size_t channels = features->channels;

    memset(object, 0, channels * sizeof *object);
    memset(around, 0, channels * sizeof *around);
    for (size_t i = 0; i < features->height * features->width; i++) {
        const float *cell = features->values + i * channels;
        float p = shares[i], q = (1 - p) * (1 - p);

        add(object, cell, channels, p * p);
        add(around, cell, channels, q * q);
    }
}

/* Compares all cells with both prototypes. */
static const char *compare(float *refined, const float *object,
                           const float *around,
                           const struct object_grid *features)
{
    const size_t channels = features->channels;
    const double of_object = norm_of(object, channels);
    const double of_around = norm_of(around, channels);
    const double apart =
        1 - cosine(object, of_object, around, of_around, channels);

    if (!isfinite(of_object) || !isfinite(of_around))
        return "the features are not finite";
    if (!(of_object > 0) || !(of_around > 0) || apart < ALIKE)
        return "the features of the object are like those around it";
    for (size_t i = 0; i < features->height * features->width; i++) {
        const float *cell = features->values + i * channels;
        double norm = norm_of(cell, channels);
        double more = cosine(cell, norm, object, of_object, channels) -
                      cosine(cell, norm, around, of_around, channels);

        refined[i] = positive((float)(0.5 + more / apart));
    }
    return NULL;
}

bool object_refine(float *refined, const char **refusal,
                   struct object_scratch *scratch,
                   const struct object_grid *map,
                   const struct object_grid *features, struct error *err)
{
    const size_t count = features->height * features->width;
    float *shares, *object;

    scratch->floats =
        scratch_reserve(scratch->floats, &scratch->cap,
                        count + 2 * features->channels, sizeof(float), err);
    if (!scratch->floats)
        return false;
    shares = scratch->floats;
    object = shares + count;
    bring(shares, map, features->height, features->width);
    if (!to_shares(shares, count)) {
        *refusal = "the map has no positive value";
        return true;
    }
    make_prototypes(object, object + features->channels, features, shares);
    *refusal = compare(refined, object, object + features->channels, features);
    return true;
}

const struct object_grid *object_finest(const struct object_stages *stages)
{
    return stages->finer.channels > 0 ? &stages->finer : &stages->stage;
}

bool object_refine_stages(float *refined, const char **refusal,
                          struct object_scratch *scratch,
                          const struct object_grid *map,
                          const struct object_stages *stages, struct error *err)
{
    const struct object_grid *finest = object_finest(stages);
    struct object_grid coarse = {NULL, stages->stage.height,
                                 stages->stage.width, 1};
    const size_t cells = coarse.height * coarse.width;
    const size_t count = finest->height * finest->width;
    const char *unlike = NULL;
    float *brought;

    if (finest == &stages->stage)
        return object_refine(refined, refusal, scratch, map, finest, err);
    scratch->map = scratch_reserve(scratch->map, &scratch->map_cap,
                                   cells + count, sizeof(float), err);
    if (!scratch->map || !object_refine(scratch->map, refusal, scratch, map,
                                        &stages->stage, err))
        return false;
    if (*refusal)
        return true;
    coarse.values = scratch->map;
    brought = scratch->map + cells;
    bring(brought, &coarse, finest->height, finest->width);
    if (!object_refine(refined, &unlike, scratch, map, finest, err))
        return false;
    for (size_t i = 0; i < count; i++)
        refined[i] = unlike ? brought[i]
                            : (1 - OBJECT_FINER) * brought[i] +
                                  OBJECT_FINER * refined[i];
    return true;
}

/* ---- the seed `static` ---- */

static const float *constant(const struct network *network, int value)
{
    return graph_floats(&network->graph.values[value]);
}

static size_t last_of(const struct network *network, int value)
{
    const struct graph_shape *shape = &network->graph.values[value].shape;

    return shape->dim[shape->rank - 1];
}

/* Multiplies a row by a matrix.
 *
 * out     out  (num_out)
 * row     in   (num_rows)
 * matrix  in   (num_rows, num_out) */
static void multiply(float *restrict out, const float *restrict row,
                     const float *restrict matrix, size_t num_rows,
                     size_t num_out)
{
    memset(out, 0, num_out * sizeof *out);
    for (size_t i = 0; i < num_rows; i++)
        add(out, matrix + i * num_out, num_out, row[i]);
}

/* Applies the sums of the taps and removes what is negative. */
static void weigh_by_taps(float *weights, const float *taps, size_t num_taps,
                          size_t channels)
{
    for (size_t k = 0; k < channels; k++) {
        float sum = 0;

        for (size_t t = 0; t < num_taps; t++)
            sum += taps[t * channels + k];
        weights[k] = positive(weights[k] * sum);
    }
}

bool object_closed_map(float *map, struct object_scratch *scratch,
                       const struct network *network, const float *features,
                       const struct target *target, const float *logits,
                       struct error *err)
{
    const struct head *head = &network->head;
    const struct graph_shape *shape =
        &network->graph.values[head->features].shape;
    const size_t channels = last_of(network, head->features);
    float *slopes, *weights;

    scratch->floats =
        scratch_reserve(scratch->floats, &scratch->cap,
                        head->num_logits + channels, sizeof(float), err);
    if (!scratch->floats)
        return false;
    slopes = scratch->floats;
    weights = slopes + head->num_logits;
    target_seed(slopes, target, logits);
    (void)combine_weights(weights, head, &network->graph, slopes);
    cam_weigh(map, features, weights, shape->dim[1], shape->dim[2], channels);
    return true;
}

bool object_static_seed(float *seed, struct object_scratch *scratch,
                        const struct network *network, const float *map,
                        const float *expanded, const struct target *target,
                        const float *logits, struct error *err)
{
    const struct stage_block *block = &network->stage.block;
    const struct head *head = &network->head;
    const struct graph *graph = &network->graph;
    const struct graph_shape *shape = &graph->values[block->expanded].shape;
    const size_t channels = last_of(network, head->features);
    const size_t narrow = last_of(network, block->features);
    const size_t wide = last_of(network, block->expanded);
    float *slopes, *weights, *through, *back;

    scratch->floats = scratch_reserve(
        scratch->floats, &scratch->cap,
        head->num_logits + channels + narrow + wide, sizeof(float), err);
    if (!scratch->floats)
        return false;
    slopes = scratch->floats;
    weights = slopes + head->num_logits;
    through = weights + channels;
    back = through + narrow;
    target_seed(slopes, target, logits);
    (void)combine_weights(weights, head, graph, slopes);
    multiply(through, weights, constant(network, block->features), channels,
             narrow);
    multiply(back, through, constant(network, block->project), narrow, wide);
    weigh_by_taps(back, constant(network, block->taps),
                  graph_value_count(graph, block->taps) / wide, wide);
    for (size_t i = 0; i < shape->dim[1] * shape->dim[2]; i++)
        seed[i] = sqrtf(positive(lanes_sum(expanded + i * wide, back, wide,
                                           lanes_product)) *
                        positive(map[i]));
    return true;
}

void object_scratch_release(struct object_scratch *scratch)
{
    free(scratch->floats);
    free(scratch->map);
    *scratch = (struct object_scratch){0};
}
