#ifndef ENGINE_RUN_PLAN_H
#define ENGINE_RUN_PLAN_H

/* A graph divided into steps: XNNPACK runtimes, as long as possible, depthwise
 * convolutions (depthwise.h), the others and linear layers (dense.h) by our own
 * kernels where the processor has them, and a plain kernel for each node that
 * XNNPACK does not support. */

#include "engine/base/team.h"
#include "engine/graph/graph.h"

struct plan;         /* immutable, for any thread */
struct plan_session; /* memory for one run; one thread at a time */

/* Lays a graph out for a plan: graph_layout, then graph_split unless our own
 * kernels run convolutions. Fails as they do. */
bool plan_layout(struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* Plans a graph after plan_layout; it must outlive the plan. Returns NULL and
 * ERROR_UNSUPPORTED (there is no kernel for a node; the text names it),
 * ERROR_LIMIT (a run would compute more than 2**30 numbers) or ERROR_MEMORY. */
struct plan *plan_new(const struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* Like plan_new, but convolutions of all channels and linear layers compute
 * with 8-bit integers, except those with the constant `exact` (unless that is
 * GRAPH_NONE) as weights: by our own kernels (dense_int8.h) where the processor
 * has them, otherwise the linear ones and those of 1 x 1 by XNNPACK, if it is
 * that of 2024. Results are close to those of plan_new. ERROR_UNSUPPORTED:
 * neither can, or there is no node that it applies to. */
struct plan *plan_new_int8(const struct graph *graph, int exact,
                           struct error *err)
    __attribute__((warn_unused_result));

/* Like plan_new, but takes less memory: packed weights that one of the other
 * plans has as well are shared with it (either may be freed first), and each
 * constant of the graph is dropped as soon as only packed copies of it are
 * needed, but for those that are kept.
 *
 * graph   inout
 * kept    in     (num_values) or NULL: none
 * others  in     (num_others) */
struct plan *plan_new_sharing(struct graph *graph, const bool *kept,
                              const struct plan *const *others,
                              size_t num_others, struct error *err)
    __attribute__((warn_unused_result));

/* The bytes of the weights that the plan has packed itself, shared or not. */
size_t plan_packed_len(const struct plan *plan);

/* Whether plan_new_int8 would let the node compute with integers. */
bool plan_suits_int8(const struct graph *graph, const struct graph_node *node,
                     int exact);

/* The number of nodes that compute with integers. */
size_t plan_num_int8(const struct plan *plan);

/* X(enumerator, name in tables): what runs a step. */
#define PLAN_RUNNERS(X)            \
    X(PLAN_XNNPACK, "xnnpack")     \
    X(PLAN_DEPTHWISE, "depthwise") \
    X(PLAN_DENSE, "dense")         \
    X(PLAN_DENSE_INT8, "int8")     \
    X(PLAN_KERNEL, "kernel")

enum plan_runner {
#define X(runner, name) runner,
    PLAN_RUNNERS(X)
#undef X
        PLAN_NUM_RUNNERS
};

/* Nodes first .. first + count - 1. XNNPACK runs any number; our own kernels of
 * convolutions run also what follows: a sum, and the gate of a gradient, or
 * (expand.h) a depthwise convolution. */
struct plan_step {
    size_t first, count;
    enum plan_runner runner;
};

/* The number of steps, the steps, and the number of steps with this runner. */
size_t plan_num_steps(const struct plan *plan);
const struct plan_step *plan_steps(const struct plan *plan);
size_t plan_num_run_by(const struct plan *plan, enum plan_runner runner);
const char *plan_runner_name(enum plan_runner runner);

/* Whether sessions no longer read a constant of the graph, because the plan has
 * a packed copy of it. The graph's owner may drop such a constant if nothing
 * else needs it. */
bool plan_has_copy(const struct plan *plan, int value);

void plan_free(struct plan *plan);

/* About how much memory a session takes, in bytes: its values, and what XNNPACK
 * makes for its steps. */
size_t plan_session_len(const struct plan *plan);

/* A session computes on its caller's thread and, if `team` is not NULL, on
 * helpers that are free. Plan and team must outlive it. ERROR_MEMORY (also by
 * memory_limit.h), ERROR_INTERNAL. */
struct plan_session *plan_session_new(const struct plan *plan,
                                      struct team *team, struct error *err)
    __attribute__((warn_unused_result));

/* The elements of one of the graph's inputs or outputs, in the graph's layout;
 * NULL for other values. */
float *plan_session_data(struct plan_session *session, int value);

/* Computes the outputs from the input. ERROR_INTERNAL. */
bool plan_session_run(struct plan_session *session, struct error *err)
    __attribute__((warn_unused_result));

/* Like plan_session_run; also measures each step: (num_steps) milliseconds. */
bool plan_session_measure(struct plan_session *session, double *ms,
                          struct error *err)
    __attribute__((warn_unused_result));

void plan_session_free(struct plan_session *session);

#endif
