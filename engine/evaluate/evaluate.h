#ifndef ENGINE_EVALUATE_EVALUATE_H
#define ENGINE_EVALUATE_EVALUATE_H

/* Runs a model over a data set, on all cores, and hands over what is measured
 * of each photo, in the order of the data set. Memory does not depend on the
 * number of photos.
 *
 * The right class is explained, that with the largest logit if there are
 * several, or the best one if none is known. A photo is classified once, and a
 * map made once, however many rows of the report need it. */

#include <stddef.h>

#include "engine/engine.h"
#include "engine/evaluate/dataset.h"
#include "engine/evaluate/result.h"

/* A map and the boxes that are found on it, a row of the report each. */
struct evaluate_map {
    struct explain_request request; /* without classes */
    const struct box_options *boxes;
    size_t num_boxes; /* at least 1 */
};

/* X(enumerator, name): the last rows, beside those of the maps. The random map
 * has as many cells as the model's own, and is cut by the first box's options;
 * the centred box has 80 % of each side. */
#define EVALUATE_BASELINES(X)               \
    X(EVALUATE_WHOLE, "whole picture")      \
    X(EVALUATE_CENTRED, "centred 80 % box") \
    X(EVALUATE_RANDOM, "random map")

enum evaluate_baseline {
#define X(baseline, name) baseline,
    EVALUATE_BASELINES(X)
#undef X
        EVALUATE_NUM_BASELINES
};

struct evaluate_options {
    const struct evaluate_map *maps; /* (num_maps) */
    size_t num_maps;
    struct image_limits limits;
    size_t max_bytes;     /* of a photo's file */
    unsigned num_threads; /* 1 to TEAM_MAX_THREADS */
    size_t curve_steps;   /* of deletion and insertion; 0: not measured */
    size_t first;         /* the item to begin with */
    /* Takes the next photo's results, which are valid during the call; one call
     * at a time. A failure ends the evaluation. */
    bool (*take)(void *user, const struct result_photo *photo,
                 struct error *err);
    void *user;
};

/* The rows: those of the maps, map by map, then the baselines. */
size_t evaluate_num_rows(const struct evaluate_map *maps, size_t num_maps);

const char *evaluate_baseline_name(enum evaluate_baseline baseline);

/* Measures the items from options->first on. A photo that cannot be read or has
 * no class that the model knows is a result with an error. Fails like
 * options->take, and with ERROR_MEMORY or ERROR_INTERNAL before the first. */
bool evaluate(const struct evaluate_options *options,
              const struct engine *engine, const struct dataset *dataset,
              struct error *err) __attribute__((warn_unused_result));

#endif
