#ifndef ENGINE_EXPLAIN_EXPLAIN_H
#define ENGINE_EXPLAIN_EXPLAIN_H

/* The methods of explanation: a row each in EXPLAIN_METHODS, a file each in
 * this room. A method makes a map for each of a few classes, from one picture
 * that has been classified. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/cancel.h"
#include "engine/base/error.h"
#include "engine/graph/graph.h"
#include "engine/image/preprocess.h"
#include "engine/passes/head.h"
#include "engine/run/plan.h"

/* X(name): name_method is defined in name.c. Where several are defined for a
 * network, the first is its own. */
#define EXPLAIN_METHODS(X) X(cam)

enum {
    EXPLAIN_MAX_CLASSES = 16, /* maps of one picture: each costs a box too */
    EXPLAIN_MAX_CHECKS = 4,
};

/* A number by which a map can be checked, such as mean_plus_bias. */
struct explain_check {
    const char *name;
    double found;
};

struct explain_map {
    size_t class_index;
    size_t width, height; /* cells, or pixels of the input */
    float *values;        /* (height, width) raw; borrowed from explain_maps */
    float min, max;
    struct explain_check checks[EXPLAIN_MAX_CHECKS];
    size_t num_checks;
    bool is_normalized; /* the features were, before they were weighed: */
    double norm_mean, norm_deviation; /* subtracted, and divided by */
    struct preprocess_region region;  /* the part of the upright picture that
                                       * it covers, in its pixels; may reach
                                       * beyond it (letterbox) */
};

/* The maps of one answer; used again for the next. `= {0}` is empty. */
struct explain_maps {
    struct explain_map map[EXPLAIN_MAX_CLASSES];
    size_t count;
    float *values; /* (count, height, width) owned */
    size_t values_cap;
};

/* What a method reads; all borrowed. */
struct explain_input {
    const struct graph *graph;
    const struct head *head;
    struct plan_session *plan;   /* has run on the picture */
    const struct cancel *cancel; /* asked before each further pass */
};

struct explain_method {
    const char *name;
    const char *paper;
    const char *needs; /* of the network, in words */
    size_t passes;     /* of the network, besides the one that classifies */
    /* Why it is not defined for a network, or NULL where it is. */
    const char *(*refuse)(const struct graph *graph, const struct head *head);
    /* Makes the maps, whose classes are set: sizes and memory by
     * explain_reserve, then values and checks. ERROR_MEMORY; ERROR_BUSY where
     * it is cancelled; ERROR_INTERNAL. */
    bool (*explain)(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err);
};

#define X(name) extern const struct explain_method name##_method;
EXPLAIN_METHODS(X)
#undef X

/* Method number `i`; NULL past the last. */
const struct explain_method *explain_method(size_t i);

/* The first method that is defined for a network; NULL where none is, and
 * *refusal then says why. */
const struct explain_method *explain_choose(const char **refusal,
                                            const struct graph *graph,
                                            const struct head *head);

/* Makes maps->count maps by a method that is defined for the network; their
 * classes are set. Fails as the method does. One thread at a time. */
bool explain_run(struct explain_maps *maps, const struct explain_method *method,
                 const struct explain_input *input, struct error *err)
    __attribute__((warn_unused_result));

/* For methods: makes all maps of this size. ERROR_MEMORY. */
bool explain_reserve(struct explain_maps *maps, size_t height, size_t width,
                     struct error *err) __attribute__((warn_unused_result));

/* For methods: adds a check to a map. */
void explain_add_check(struct explain_map *map, const char *name, double found);

void explain_release(struct explain_maps *maps);

#endif
