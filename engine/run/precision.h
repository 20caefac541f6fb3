#ifndef ENGINE_RUN_PRECISION_H
#define ENGINE_RUN_PRECISION_H

/* Which precision a network is planned in.
 *
 * For PRECISION_AUTO the network runs in both on a few pictures that are made
 * up: blurred noise, of several contrasts. Integers are taken where
 *
 *     the logits of the two differ, in the root of the mean square, by at most
 *     PRECISION_MAX_ERROR of the floats' deviation from their mean, and
 *
 *     the fastest of a few runs takes at most PRECISION_MAX_TIME of the
 *     floats' fastest.
 *
 * Between runs of the one it runs the other, so that what else the machine
 * does meets both. */

#include "engine/graph/graph.h"
#include "engine/passes/head.h"
#include "engine/run/plan.h"
#include "engine/run/precision_choice.h"

#define PRECISION_MAX_ERROR 0.1
#define PRECISION_MAX_TIME 0.9

/* Plans a graph that head_set_outputs was done for; fails as plan_new and
 * plan_new_int8 do. AUTO does not fail where FP32 does not, but for memory. */
struct plan *precision_plan(const struct graph *graph, const struct head *head,
                            enum precision_choice precision, struct error *err)
    __attribute__((warn_unused_result));

/* Whether INT8 computes the node with integers. */
bool precision_suits_int8(const struct graph *graph, const struct head *head,
                          const struct graph_node *node);

#endif
