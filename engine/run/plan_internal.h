#ifndef ENGINE_RUN_PLAN_INTERNAL_H
#define ENGINE_RUN_PLAN_INTERNAL_H

/* What plan.c and plan_values.c make and plan_session.c runs. Private to
 * them. */

#include "engine/run/dense.h"
#include "engine/run/dense_int8.h"
#include "engine/run/memory_plan.h"
#include "engine/run/plan.h"
#include "engine/xnn/xnnrun.h"

struct plan_mask {
    int value;
    struct mask_bounds bounds;
    bool clash; /* two gates of it have different bounds */
};

struct plan {
    const struct graph *graph; /* borrowed */
    struct plan_step *steps;   /* (num_steps) owned */
    size_t num_steps;
    struct dense **dense; /* (num_steps) NULL: another's step; owned */
    struct dense_int8 **dense_int8; /* (num_steps) likewise */
    /* Which values have memory in a session: the input, the outputs, and what
     * one step makes and another takes. (graph's num_values) owned. */
    bool *kept;
    /* Of these, the ones that pass between steps share memory. */
    struct memory_block *blocks; /* (num_passed + num_masks + num_steps) in
                                    floats, the last of scratch; owned */
    int *passed;                 /* (num_passed) the values; owned */
    size_t num_passed;
    /* Values whose masks the gates of gradients take in their stead. */
    struct plan_mask *masks;    /* (num_masks) owned */
    size_t num_masks;           /* their blocks follow those of `passed` */
    size_t passed_len;          /* floats for all of them */
    size_t num_int8;            /* nodes with quantized weights */
    struct xnnweights *weights; /* owned; has a lock of its own */
};

/* plan_values.c: the last node of a step. */
const struct graph_node *plan_last_node(const struct plan *plan, size_t s);

/* plan_values.c: whether a step is a layer with integers and the depthwise
 * convolution of it. */
bool plan_is_expanded(const struct plan *plan, size_t s);

/* plan_values.c: the mask of a value, or NULL. */
struct plan_mask *plan_values_mask(const struct plan *plan, int value);

/* plan_values.c: says what has memory in a session: inputs and outputs, each
 * for itself, and what is passed between steps. ERROR_MEMORY. */
bool plan_values_place(struct plan *plan, struct error *err)
    __attribute__((warn_unused_result));

#endif
