#include "engine/explain/object.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"
#include "engine/base/wide.h"
#include "engine/explain/cam.h"
#include "engine/explain/combine.h"
#include "engine/explain/lanes.h"
#include "engine/explain/percentile.h"
#include "engine/explain/stretch.h"

/* Prototypes whose cosine is closer to 1 are the same. */
#define ALIKE 1e-4

static const double PERCENTILE = 0.97;
static const float POWER = 1.2f;

/* How much the class activation map counts in the seed `gradient`. */
static const float OF_MAP = 0.25f;

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
WIDE_BODY(add)
(float *restrict prototype, const float *restrict cell, size_t channels,
 float weight)
{
    for (size_t c = 0; c < channels; c++)
        prototype[c] += weight * cell[c];
}
WIDE(add,
     (float *restrict prototype, const float *restrict cell, size_t channels,
      float weight),
     (prototype, cell, channels, weight))

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

/* ---- the seed `gradient` ---- */

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

/* Writes a target's slope behind the block's depthwise convolution, as if no
 * clamp followed (object.h). Returns it, (channels), with `more` floats behind
 * it for the caller; or NULL on ERROR_MEMORY. */
static float *go_back(struct object_scratch *scratch,
                      const struct network *network,
                      const struct target *target, const float *logits,
                      size_t more, struct error *err)
{
    const struct stage_block *block = &network->stage.block;
    const struct head *head = &network->head;
    const size_t channels = last_of(network, head->features);
    const size_t narrow = last_of(network, block->features);
    const size_t wide = last_of(network, block->expanded);
    float *slopes, *weights, *through, *back;

    scratch->floats = scratch_reserve(
        scratch->floats, &scratch->cap,
        head->num_logits + channels + narrow + wide + more, sizeof(float), err);
    if (!scratch->floats)
        return NULL;
    slopes = scratch->floats;
    weights = slopes + head->num_logits;
    through = weights + channels;
    back = through + narrow;
    target_seed(slopes, target, logits);
    (void)combine_weights(weights, head, &network->graph, slopes);
    multiply(through, weights, constant(network, block->features), channels,
             narrow);
    multiply(back, through, constant(network, block->project), narrow, wide);
    return back;
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

/* What a block's clamp lets through of a gradient that is the same in all
 * cells. Neither product nor comparison is a branch: half of them would be
 * taken.
 *
 * open  out  (count, wide)
 * back  in   (wide)
 * deep  in   (count, wide) */
WIDE_BODY(pass_clamp)
(float *restrict open, const float *restrict back, const float *restrict deep,
 size_t count, size_t wide, float min, float max)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < wide; k++) {
            float value = deep[i * wide + k], through = back[k];

            through = value > min ? through : 0;
            open[i * wide + k] = value < max ? through : 0;
        }
}
WIDE(pass_clamp,
     (float *restrict open, const float *restrict back,
      const float *restrict deep, size_t count, size_t wide, float min,
      float max),
     (open, back, deep, count, wide, min, max))

/* Adds what one tap brings to the gradient of a cell. */
WIDE_BODY(add_tap)
(float *restrict gradient, const float *restrict open,
 const float *restrict taps, size_t wide)
{
    for (size_t k = 0; k < wide; k++)
        gradient[k] += open[k] * taps[k];
}
WIDE(add_tap,
     (float *restrict gradient, const float *restrict open,
      const float *restrict taps, size_t wide),
     (gradient, open, taps, wide))

/* Writes the gradient of the block's expanded features in a cell: through the
 * taps by which the depthwise convolution's cells read it.
 *
 * gradient  out  (wide)
 * open      in   (height, width, wide)
 * taps      in   (kh, kw, wide) */
static void turn_back(float *gradient, const float *open, const float *taps,
                      const struct stage_block *block,
                      const struct graph_shape *shape, size_t cell)
{
    const struct graph_window *window = &block->window;
    const size_t width = shape->dim[2], wide = shape->dim[3];
    const size_t y = cell / width, x = cell % width;

    memset(gradient, 0, wide * sizeof *gradient);
    for (size_t i = 0; i < window->kernel[0]; i++)
        for (size_t j = 0; j < window->kernel[1]; j++) {
            /* Above or left of the cells, these wrap and are too large. */
            size_t row = y + window->pad_before[0] - i * window->dilation[0];
            size_t column = x + window->pad_before[1] - j * window->dilation[1];

            if (row < shape->dim[1] && column < width)
                add_tap(gradient, open + (row * width + column) * wide,
                        taps + (i * window->kernel[1] + j) * wide, wide);
        }
}

static inline float product_if_positive(float gradient, float value)
{
    float product = gradient * value;

    return gradient > 0 ? product : 0;
}

WIDE_BODY(sum_positive)
(float *sum, const float *restrict gradient, const float *restrict value,
 size_t wide)
{
    *sum = lanes_sum(gradient, value, wide, product_if_positive);
}
WIDE(sum_positive,
     (float *sum, const float *restrict gradient, const float *restrict value,
      size_t wide),
     (sum, gradient, value, wide))

bool object_gradient_seed(float *seed, struct object_scratch *scratch,
                          const struct network *network,
                          const struct object_pass *pass,
                          const struct target *target, struct error *err)
{
    const struct stage_block *block = &network->stage.block;
    const struct graph_shape *shape =
        &network->graph.values[block->expanded].shape;
    const size_t count = shape->dim[1] * shape->dim[2], wide = shape->dim[3];
    const float *taps = constant(network, block->taps);
    float *back = go_back(scratch, network, target, pass->logits,
                          (count + 1) * wide, err);
    float *gradient, *open;

    if (!back)
        return false;
    gradient = back + wide;
    open = gradient + wide;
    pass_clamp(open, back, pass->deep, count, wide, block->min, block->max);
    for (size_t i = 0; i < count; i++) {
        float sum;

        turn_back(gradient, open, taps, block, shape, i);
        sum_positive(&sum, gradient, pass->expanded + i * wide, wide);
        seed[i] = powf(positive(sum), 1 - OF_MAP) *
                  powf(positive(pass->map[i]), OF_MAP);
    }
    return true;
}

void object_scratch_release(struct object_scratch *scratch)
{
    free(scratch->floats);
    free(scratch->map);
    *scratch = (struct object_scratch){0};
}
