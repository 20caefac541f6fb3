#ifndef ENGINE_PASSES_GRAPH_LAYOUT_H
#define ENGINE_PASSES_GRAPH_LAYOUT_H

/* What the files of graph_layout share. Private to graph_layout*.c. */

#include "engine/graph/graph.h"

/* How a value is stored. */
struct layout_view {
    int stored; /* value */
    size_t perm[GRAPH_MAX_RANK];
};

struct layout_pass {
    struct graph *graph;
    struct layout_view *views; /* (num_views) in the graph's arena */
    size_t num_views;          /* values at the start */
    const char *name;          /* of the node that is laid out */
    struct error *err;
};

/* Stored as it is meant. */
extern const size_t graph_layout_identity[GRAPH_MAX_RANK];
/* The axes N, C, H, W of a value stored as N, H, W, C. */
extern const size_t graph_layout_nchw[GRAPH_MAX_RANK];

/* Whether two orders of axes are one. */
bool graph_layout_is_same(const size_t *a, const size_t *b, uint32_t rank);

/* The view of a value. Values that the pass itself made, and constants, are
 * stored as they are meant. */
struct layout_view graph_layout_view(const struct layout_pass *pass, int value);

void graph_layout_set_view(struct layout_pass *pass, int value, int stored,
                           const size_t *perm);

/* Adds `node` to the new list. */
bool graph_layout_emit(struct layout_pass *pass, const struct graph_node *node)
    __attribute__((warn_unused_result));

/* Whether reordering axes leaves the elements where they are, because only
 * axes of length 1 move past others. */
bool graph_layout_moves_nothing(const struct graph_shape *from,
                                const size_t *perm);

/* Whether storing a value of shape `stored` and view `perm` as `wanted` has to
 * move elements. */
bool graph_layout_order_matters(const struct graph_shape *stored,
                                const size_t *perm, const size_t *wanted);

/* A value whose axis i is axis perm[i] of `from`; GRAPH_NONE on failure. */
int graph_layout_transposed(struct layout_pass *pass, int from,
                            const size_t *perm);

/* A value in another shape, or itself; GRAPH_NONE on failure. */
int graph_layout_reshaped(struct layout_pass *pass, int from,
                          const struct graph_shape *shape);

/* The value stored so that its view has `wanted` as perm; GRAPH_NONE on
 * failure. */
int graph_layout_stored_as(struct layout_pass *pass, int value,
                           const size_t *wanted);

/* Lets the node take operand i, unless that is left out, stored so. */
bool graph_layout_operand(struct layout_pass *pass, struct graph_node *node,
                          uint32_t i, const size_t *wanted)
    __attribute__((warn_unused_result));

/* Gives a value axes of length 1 in front, up to `rank`; GRAPH_NONE on
 * failure. */
int graph_layout_with_rank(struct layout_pass *pass, int value, uint32_t rank);

/* Reorders the shape of a node's output from what is meant to what will be
 * stored, and sets its view. */
void graph_layout_store_output(struct layout_pass *pass,
                               const struct graph_node *node,
                               const size_t *perm);

/* The rules, graph_layout_LAYOUT for each word in graph_node.h: each changes
 * the node for how its operands are stored, and emits it. */
#define X(op, name, floats, facts, work, shape, layout, ...) \
    bool graph_layout_##layout(struct layout_pass *pass,     \
                               struct graph_node *node)      \
        __attribute__((warn_unused_result));
GRAPH_OPS(X)
#undef X

#endif
