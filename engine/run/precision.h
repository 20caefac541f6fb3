#ifndef ENGINE_RUN_PRECISION_H
#define ENGINE_RUN_PRECISION_H

/* Which precision a network is planned in.
 *
 * For PRECISION_AUTO the network runs in both precisions on a few generated
 * images: blurred noise of several contrasts. Integers are chosen if
 *
 *     the root mean square difference of the logits is at most
 *     PRECISION_MAX_ERROR times the standard deviation of the float logits, and
 *
 *     the fastest of a few runs takes at most PRECISION_MAX_TIME of the time of
 *     the fastest float run.
 *
 * Runs alternate between the two, so that other load on the machine affects
 * both. */

#include "engine/graph/graph.h"
#include "engine/passes/head.h"
#include "engine/run/plan.h"
#include "engine/run/precision_choice.h"

#define PRECISION_MAX_ERROR 0.1
#define PRECISION_MAX_TIME 0.9

/* Plans a graph whose outputs are the logits and maybe layers; fails like
 * plan_new and plan_new_int8. AUTO fails only where FP32 does, or with
 * ERROR_MEMORY. */
struct plan *precision_plan(const struct graph *graph, const struct head *head,
                            enum precision_choice precision, struct error *err)
    __attribute__((warn_unused_result));

/* Whether the node computes with integers in INT8. */
bool precision_suits_int8(const struct graph *graph, const struct head *head,
                          const struct graph_node *node);

#endif
