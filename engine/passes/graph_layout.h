#ifndef ENGINE_PASSES_GRAPH_LAYOUT_H
#define ENGINE_PASSES_GRAPH_LAYOUT_H

/* Shared declarations, private to graph_layout*.c. */

#include "engine/graph/graph.h"

/* How a value is stored: axis i of the file's order is axis perm[i] of
 * `stored`. */
struct layout_view {
    int stored; /* value */
    size_t perm[GRAPH_MAX_RANK];
};

struct layout_pass {
    struct graph *graph;
    struct layout_view *views; /* (num_views) in the graph's arena */
    uint32_t *reads;           /* (num_views) by nodes that are to come */
    size_t num_views;          /* values at the start */
    const char *name;          /* of the current node */
    struct error *err;
};

/* The identity permutation: stored in the file's order. */
extern const size_t graph_layout_identity[GRAPH_MAX_RANK];
/* The axes N, C, H, W of a value stored as N, H, W, C. */
extern const size_t graph_layout_nchw[GRAPH_MAX_RANK];

/* Whether two orders of axes are equal. */
bool graph_layout_is_same(const size_t *a, const size_t *b, uint32_t rank);

/* The view of a value. Constants, and values that the pass itself added, are
 * stored in the file's order. */
struct layout_view graph_layout_view(const struct layout_pass *pass, int value);

void graph_layout_set_view(struct layout_pass *pass, int value, int stored,
                           const size_t *perm);

/* Appends `node` to the new list of nodes. */
bool graph_layout_emit(struct layout_pass *pass, const struct graph_node *node)
    __attribute__((warn_unused_result));

/* Whether a permutation leaves all elements in place, because it only moves
 * axes of length 1. */
bool graph_layout_moves_nothing(const struct graph_shape *from,
                                const size_t *perm);

/* Whether elements must be moved to store a value of shape `stored` and view
 * `perm` as `wanted`. */
bool graph_layout_order_matters(const struct graph_shape *stored,
                                const size_t *perm, const size_t *wanted);

/* Transposes `from`: axis i of the result is its axis perm[i]. Returns
 * GRAPH_NONE on failure. */
int graph_layout_transposed(struct layout_pass *pass, int from,
                            const size_t *perm);

/* Reshapes `from`; returns `from` itself if it has the shape, and GRAPH_NONE on
 * failure. */
int graph_layout_reshaped(struct layout_pass *pass, int from,
                          const struct graph_shape *shape);

/* Returns the value stored so that its view has `wanted` as perm; GRAPH_NONE on
 * failure. */
int graph_layout_stored_as(struct layout_pass *pass, int value,
                           const size_t *wanted);

/* Replaces operand i of the node, unless it is omitted, by the same value
 * stored as `wanted`. */
bool graph_layout_operand(struct layout_pass *pass, struct graph_node *node,
                          uint32_t i, const size_t *wanted)
    __attribute__((warn_unused_result));

/* Prepends axes of length 1 up to `rank`; returns GRAPH_NONE on failure. */
int graph_layout_with_rank(struct layout_pass *pass, int value, uint32_t rank);

/* Changes the shape of a node's output from the file's order to the stored one,
 * and sets its view. */
void graph_layout_store_output(struct layout_pass *pass,
                               const struct graph_node *node,
                               const size_t *perm);

/* The rules: graph_layout_LAYOUT for each word in graph_node.h. Each adapts the
 * node to the layout of its operands and emits it. */
#define X(op, name, floats, facts, work, shape, layout, ...) \
    bool graph_layout_##layout(struct layout_pass *pass,     \
                               struct graph_node *node)      \
        __attribute__((warn_unused_result));
GRAPH_OPS(X)
#undef X

#endif
