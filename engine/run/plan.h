#ifndef ENGINE_RUN_PLAN_H
#define ENGINE_RUN_PLAN_H

/* A graph cut into steps: XNNPACK runtimes, as long as possible, depthwise
 * convolutions by a kernel of our own (depthwise.h), and a plain kernel for
 * each node that the XNNPACK at hand lacks. */

#include "engine/base/team.h"
#include "engine/graph/graph.h"

struct plan;         /* immutable, for any thread */
struct plan_session; /* room for one run; one thread at a time */

/* Plans a graph after graph_layout; it must outlive the plan. Returns NULL and
 * ERROR_UNSUPPORTED (nothing here runs a node; the text names it),
 * ERROR_LIMIT (a run would compute more than 2**30 numbers) or
 * ERROR_MEMORY. */
struct plan *plan_new(const struct graph *graph, struct error *err)
    __attribute__((warn_unused_result));

/* The same plan, but that linear layers and convolutions of 1 x 1 compute with
 * integers of 8 bits where the library can, except those with the constant
 * `exact`, if it is none of GRAPH_NONE, as weights. Results are near those of
 * plan_new. ERROR_UNSUPPORTED: the library at hand has no such, or none of the
 * nodes is one. */
struct plan *plan_new_int8(const struct graph *graph, int exact,
                           struct error *err)
    __attribute__((warn_unused_result));

/* How many nodes compute with integers. */
size_t plan_num_int8(const struct plan *plan);

/* X(enumerator, name for tables): what runs a step. */
#define PLAN_RUNNERS(X)            \
    X(PLAN_XNNPACK, "xnnpack")     \
    X(PLAN_DEPTHWISE, "depthwise") \
    X(PLAN_KERNEL, "kernel")

enum plan_runner {
#define X(runner, name) runner,
    PLAN_RUNNERS(X)
#undef X
        PLAN_NUM_RUNNERS
};

/* Nodes first .. first + count - 1; all but XNNPACK run one. */
struct plan_step {
    size_t first, count;
    enum plan_runner runner;
};

/* How many steps there are, which, and how many of those have this runner. */
size_t plan_num_steps(const struct plan *plan);
const struct plan_step *plan_steps(const struct plan *plan);
size_t plan_num_run_by(const struct plan *plan, enum plan_runner runner);
const char *plan_runner_name(enum plan_runner runner);

void plan_free(struct plan *plan);

/* A session computes on its caller's thread, and where `team` is not NULL with
 * the helpers that have time. Plan and team must outlive it. ERROR_MEMORY,
 * ERROR_INTERNAL. */
struct plan_session *plan_session_new(const struct plan *plan,
                                      struct team *team, struct error *err)
    __attribute__((warn_unused_result));

/* The elements of one of the graph's inputs or of one of its outputs, laid out
 * as the graph says; NULL for other values. */
float *plan_session_data(struct plan_session *session, int value);

/* Computes the outputs from the input. ERROR_INTERNAL. */
bool plan_session_run(struct plan_session *session, struct error *err)
    __attribute__((warn_unused_result));

/* The same, and how long each step takes: (num_steps) milliseconds. */
bool plan_session_measure(struct plan_session *session, double *ms,
                          struct error *err)
    __attribute__((warn_unused_result));

void plan_session_free(struct plan_session *session);

#endif
