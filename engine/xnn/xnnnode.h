#ifndef ENGINE_XNN_XNNNODE_H
#define ENGINE_XNN_XNNNODE_H

/* One node of the graph as XNNPACK's: whether the library at hand has it, and
 * how it is told of it. For xnnrun.c, which makes runtimes of them, and the
 * families of operations. Adding an operation is adding a row to the table of
 * its family. */

#include "engine/graph/graph.h"
#include "engine/xnn/xnn.h"

/* A subgraph under construction. */
struct xnnnode_builder {
    const struct graph *graph; /* borrowed */
    xnn_subgraph_t subgraph;   /* owned by who builds it, as `ids` */
    uint32_t *ids;             /* (graph's num_values) XNNPACK's numbers */
};

/* An operation that XNNPACK has; all NULL: it has not. */
struct xnnnode_row {
    /* Which of its nodes; NULL: all of them. */
    bool (*supports)(const struct graph *graph, const struct graph_node *node);
    /* Adds the node, whose values have their numbers, to the subgraph. */
    enum xnn_status (*define)(struct xnnnode_builder *builder,
                              const struct graph_node *node);
};
extern const struct xnnnode_row xnnnode_math_rows[GRAPH_NUM_OPS];
extern const struct xnnnode_row xnnnode_window_rows[GRAPH_NUM_OPS];
extern const struct xnnnode_row xnnnode_move_rows[GRAPH_NUM_OPS];

/* XNNPACK's number of an input, which may be absent, and of the output. */
uint32_t xnnnode_in(const struct xnnnode_builder *builder,
                    const struct graph_node *node, uint32_t i);
uint32_t xnnnode_out(const struct xnnnode_builder *builder,
                     const struct graph_node *node);

/* Whether the library runs the node; graph_layout must be done. */
bool xnnnode_supports(const struct graph *graph, const struct graph_node *node);

/* Adds a node that it supports. Any thread, a builder at a time. */
enum xnn_status xnnnode_define(struct xnnnode_builder *builder,
                               const struct graph_node *node);

#endif
