#ifndef ENGINE_RUN_PLAN_INTERNAL_H
#define ENGINE_RUN_PLAN_INTERNAL_H

/* What plan.c and plan_values.c make and plan_session.c runs. Private to
 * them. */

#include "engine/run/dense.h"
#include "engine/run/dense_int8.h"
#include "engine/run/expand.h"
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
    struct plan_mask *masks; /* (num_masks) owned */
    size_t num_masks;        /* their blocks follow those of `passed` */
    size_t passed_len;       /* floats for all of them */
    size_t num_int8;         /* nodes with quantized weights */
    bool *idle; /* (graph's num_nodes) functions that those who take the result
                   compute themselves: they quantize it; owned */
    struct xnnweights *weights; /* owned; has a lock of its own */
};

/* Which layers compute with integers. */
struct plan_integers {
    bool everywhere; /* where they can, not only where floats give the same */
    int exact;       /* a constant whose layer does not, or GRAPH_NONE */
};

/* plan_integers.c: whether the node does. */
bool plan_computes_integers(const struct plan_integers *integers,
                            const struct graph *graph,
                            const struct graph_node *node);

/* plan_integers.c: sets plan->idle once the steps are found. ERROR_MEMORY.
 *
 * readers  in  (num_values) how often each value is read */
bool plan_find_idle(struct plan *plan, const uint32_t *readers,
                    struct error *err) __attribute__((warn_unused_result));

/* plan_values.c: the node, if it is a function that is computed behind another
 * node in its step; or NULL. */
const struct graph_node *plan_function(const struct plan *plan,
                                       const struct graph_node *node);

/* plan_values.c: a layer that a step computes and the function of its results,
 * or NULL, and the depthwise convolution of these, or NULL. */
struct expand_layer plan_expand_layer(const struct plan *plan, size_t s);
const struct graph_node *plan_expanded_node(const struct plan *plan, size_t s);

/* plan_values.c: the mask of a value, or NULL. */
struct plan_mask *plan_values_mask(const struct plan *plan, int value);

/* plan_values.c: says what has memory in a session: inputs and outputs, each
 * for itself, and what is passed between steps. ERROR_MEMORY. */
bool plan_values_place(struct plan *plan, struct error *err)
    __attribute__((warn_unused_result));

#endif
