#ifndef ENGINE_EXPLAIN_EXPLAIN_H
#define ENGINE_EXPLAIN_EXPLAIN_H

/* The methods of explanation. Each has a row in EXPLAIN_METHODS and a file in
 * this folder. A method makes maps for a few classes of one image that has been
 * classified. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/cancel.h"
#include "engine/base/error.h"
#include "engine/graph/graph.h"
#include "engine/image/preprocess.h"
#include "engine/passes/head.h"
#include "engine/run/plan.h"

/* X(name): name_method is defined in name.c. The first method that is defined
 * for a network is its default. */
#define EXPLAIN_METHODS(X) X(cam)

enum {
    EXPLAIN_MAX_CLASSES = 16, /* maps of one image; each costs a box too */
    EXPLAIN_MAX_CHECKS = 4,
};

/* A number that can be used to check a map, such as mean_plus_bias. */
struct explain_check {
    const char *name;
    double found;
};

struct explain_map {
    size_t class_index;
    size_t width, height; /* cells, or pixels of the input */
    float *values; /* (height, width), unscaled; borrowed from explain_maps */
    float min, max;
    struct explain_check checks[EXPLAIN_MAX_CHECKS];
    size_t num_checks;
    bool is_normalized; /* the features were normalized before weighting: */
    double norm_mean, norm_deviation; /* the subtrahend and the divisor */
    struct preprocess_region region;  /* of the upright image, in pixels; may
  reach beyond it (letterbox) */
};

/* The maps of one explanation, reused for the next one. `= {0}` is empty. */
struct explain_maps {
    struct explain_map map[EXPLAIN_MAX_CLASSES];
    size_t count;
    float *values; /* (count, height, width) owned */
    size_t values_cap;
};

/* The input of a method; everything is borrowed. */
struct explain_input {
    const struct graph *graph;
    const struct head *head;
    struct plan_session *plan;   /* has run on the image */
    const struct cancel *cancel; /* checked before each further pass */
};

struct explain_method {
    const char *name;
    const char *paper;
    const char *needs; /* requirements on the network, as text */
    size_t passes; /* passes of the network, besides the one that classifies */
    /* Says why the method is not defined for a network, or returns NULL if it
     * is. */
    const char *(*refuse)(const struct graph *graph, const struct head *head);
    /* Makes the maps of the classes that are set in `maps`: calls
     * explain_reserve, then sets values and checks. ERROR_MEMORY; ERROR_BUSY if
     * cancelled; ERROR_INTERNAL. */
    bool (*explain)(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err);
};

#define X(name) extern const struct explain_method name##_method;
EXPLAIN_METHODS(X)
#undef X

/* Returns method number `i`, or NULL after the last. */
const struct explain_method *explain_method(size_t i);

/* Returns the first method that is defined for a network, or NULL if there is
 * none; *refusal then says why. */
const struct explain_method *explain_choose(const char **refusal,
                                            const struct graph *graph,
                                            const struct head *head);

/* Makes maps->count maps by a method that is defined for the network; the
 * classes must be set. Fails like the method. One thread at a time. */
bool explain_run(struct explain_maps *maps, const struct explain_method *method,
                 const struct explain_input *input, struct error *err)
    __attribute__((warn_unused_result));

/* For methods: sets the size of all maps and allocates them. ERROR_MEMORY. */
bool explain_reserve(struct explain_maps *maps, size_t height, size_t width,
                     struct error *err) __attribute__((warn_unused_result));

/* For methods: adds a check to a map. */
void explain_add_check(struct explain_map *map, const char *name, double found);

void explain_release(struct explain_maps *maps);

#endif
