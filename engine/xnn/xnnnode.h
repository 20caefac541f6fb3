#ifndef ENGINE_XNN_XNNNODE_H
#define ENGINE_XNN_XNNNODE_H

/* Translates one node of the graph to XNNPACK: whether this version of the
 * library supports it, and how it is defined. For xnnrun.c, which builds
 * runtimes, and for the families of operations. To add an operation, add a row
 * to the table of its family. */

#include "engine/graph/graph.h"
#include "engine/xnn/xnn.h"

/* A subgraph under construction. */
struct xnnnode_builder {
    const struct graph *graph; /* borrowed */
    xnn_subgraph_t subgraph;   /* owned by the caller, like `ids` */
    uint32_t *ids;             /* (graph's num_values) XNNPACK's value ids */
};

/* An operation that XNNPACK supports; with all members NULL it does not. */
struct xnnnode_row {
    /* Whether it supports this node; NULL: it supports all of them. */
    bool (*supports)(const struct graph *graph, const struct graph_node *node);
    /* Adds the node, whose values have ids, to the subgraph. */
    enum xnn_status (*define)(struct xnnnode_builder *builder,
                              const struct graph_node *node);
};
extern const struct xnnnode_row xnnnode_math_rows[GRAPH_NUM_OPS];
extern const struct xnnnode_row xnnnode_window_rows[GRAPH_NUM_OPS];
extern const struct xnnnode_row xnnnode_move_rows[GRAPH_NUM_OPS];

/* XNNPACK's id of an input, which may be absent, and of the output. */
uint32_t xnnnode_in(const struct xnnnode_builder *builder,
                    const struct graph_node *node, uint32_t i);
uint32_t xnnnode_out(const struct xnnnode_builder *builder,
                     const struct graph_node *node);

/* Whether the library supports the node; graph_layout must have run. */
bool xnnnode_supports(const struct graph *graph, const struct graph_node *node);

/* Adds a supported node. Any thread; one thread at a time per builder. */
enum xnn_status xnnnode_define(struct xnnnode_builder *builder,
                               const struct graph_node *node);

#endif
