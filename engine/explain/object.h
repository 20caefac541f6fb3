#ifndef ENGINE_EXPLAIN_OBJECT_H
#define ENGINE_EXPLAIN_OBJECT_H

/* Refines a map to the whole object that it points to: a map of evidence peaks
 * on the parts that tell a class from others, on a coarse grid. The cells of a
 * finer stage (stage.h) are compared with two prototypes instead, of the object
 * and of what surrounds it, which the map chooses.
 *
 * With the map m >= 0 brought to the stage's cells i, c its 97th percentile,
 * and x_i the features of a cell:
 *
 *     p_i = (min(m_i, c) / c)^1.2
 *     f   = sum over i of p_i^2 x_i,   b = sum over i of (1 - p_i)^4 x_i
 *     s_i = 2 (cos(x_i, f) - cos(x_i, b)) / (1 - cos(f, b))
 *
 * and the refined map is (1 + s_i) / 2, at least 0: one half where a cell is
 * as much like the object as like its surroundings, about 1 on the object. It
 * is about the object more than about the class. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"
#include "engine/explain/target.h"
#include "engine/network/network.h"

/* Thresholds of the refined map, s = 0.32, 0.52 and 0.72: the box is the mean
 * of the boxes at each, enlarged by OBJECT_SCALE about its centre. */
#define OBJECT_THRESHOLDS   \
    {                       \
        0.66f, 0.76f, 0.86f \
    }
#define OBJECT_SCALE 1.05

/* How much the stage before the stage counts: it has edges, and less of what a
 * thing is. */
#define OBJECT_FINER 0.33f

/* X(enumerator, name in responses)
 *
 * What the prototypes are chosen by: the method's map; or, behind an inverted
 * residual block and for a class activation map m, with the block's expanded
 * features e and the slope g of the class there,
 *
 *     (sum over k of e_k max(0, g_k))^0.75 max(0, m)^0.25
 *
 * of which the first part is LayerCAM at e. It covers more of the object than m
 * does, and m keeps it to the class. No pass is made for g: behind the block's
 * depthwise convolution, no clamp is looked at, so that the slope there is the
 * same in all cells,
 *
 *     sum over c of W_c sum over j of Whead_cj Wproject_jk
 *
 * and only the way back through that convolution and its clamp is made, cell
 * by cell. */
#define OBJECT_SEEDS(X)       \
    X(OBJECT_SEED_MAP, "map") \
    X(OBJECT_SEED_GRADIENT, "gradient")

enum object_seed {
#define X(seed, name) seed,
    OBJECT_SEEDS(X)
#undef X
};

const char *object_seed_name(enum object_seed seed);

/* Memory that is reused from call to call; `= {0}` is empty. */
struct object_scratch {
    float *floats, *map; /* owned */
    size_t cap, map_cap; /* bytes */
};

/* A grid of numbers; borrowed. */
struct object_grid {
    const float *values; /* (height, width) or (height, width, channels) */
    size_t height, width, channels;
};

/* Refines a map. Returns NULL, or why there is nothing to compare; `refined` is
 * then undefined: the map has no positive value, the features are not finite,
 * or object and surroundings have the same prototype. Negative values of the
 * map and NaN count as 0.
 *
 * refined   out  (height, width) of the features
 * map       in   (height, width), channels 1; averaged or interpolated
 * features  in   (height, width, channels), any sign */
bool object_refine(float *refined, const char **refusal,
                   struct object_scratch *scratch,
                   const struct object_grid *map,
                   const struct object_grid *features, struct error *err)
    __attribute__((warn_unused_result));

/* Writes the class activation map of a target: the weights of a closed head
 * (head_is_closed), combined, times the features.
 *
 * map       out  (height, width)
 * features  in   (height, width, channels) of the head
 * logits    in   (num_classes)
 *
 * ERROR_MEMORY. */
bool object_closed_map(float *map, struct object_scratch *scratch,
                       const struct network *network, const float *features,
                       const struct target *target, const float *logits,
                       struct error *err) __attribute__((warn_unused_result));

/* What a pass has made; borrowed. */
struct object_pass {
    const float *map;      /* (height, width) the class activation map */
    const float *expanded; /* (height, width, channels) of the block */
    const float *deep;     /* the same, behind the depthwise convolution */
    const float *logits;   /* (num_classes) */
};

/* Writes the seed `gradient` of a target, for a network whose stage has a
 * block; it has the sides of the map. ERROR_MEMORY.
 *
 * seed  out  (height, width) */
bool object_gradient_seed(float *seed, struct object_scratch *scratch,
                          const struct network *network,
                          const struct object_pass *pass,
                          const struct target *target, struct error *err)
    __attribute__((warn_unused_result));

/* The features of a stage, and of the stage before it; channels 0: there is
 * none. */
struct object_stages {
    struct object_grid stage, finer;
};

/* The sides of a map that is refined on both: (height, width). */
const struct object_grid *object_finest(const struct object_stages *stages);

/* Refines a map on a stage and, if there is one, on the stage before it: the
 * sum of 1 - OBJECT_FINER times the one, interpolated, and OBJECT_FINER times
 * the other. Where only the finer one cannot be compared, it is the one alone.
 * Otherwise like object_refine.
 *
 * refined   out  with the sides of the finest
 * map       in   (height, width), channels 1 */
bool object_refine_stages(float *refined, const char **refusal,
                          struct object_scratch *scratch,
                          const struct object_grid *map,
                          const struct object_stages *stages, struct error *err)
    __attribute__((warn_unused_result));

void object_scratch_release(struct object_scratch *scratch);

#endif
