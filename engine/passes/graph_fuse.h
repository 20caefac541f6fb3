#ifndef ENGINE_PASSES_GRAPH_FUSE_H
#define ENGINE_PASSES_GRAPH_FUSE_H

/* Shared declarations, private to graph_fuse*.c.
 *
 * Each function examines one node and the nodes before it. If together they
 * spell out one operation, the node becomes that operation; the next
 * graph_prune removes the nodes before it. */

#include "engine/graph/graph.h"
#include "engine/graph/graph_users.h"

bool graph_fuse_is_near(double a, double b);

/* Returns the node that computes the value if it is of that operation, or NULL.
 */
const struct graph_node *graph_fuse_maker(const struct graph *graph, int value,
                                          enum graph_op op);

/* Returns the node that computes the value if it is a UNARY of that function,
 * or NULL. */
const struct graph_node *graph_fuse_function(const struct graph *graph,
                                             int value,
                                             enum graph_function function);

bool graph_fuse_is_clamped(const struct graph_node *node, float min, float max);

/* Whether the value is a constant with one element. */
bool graph_fuse_is_number(const struct graph *graph, int value, double *number);

/* Whether value = other op number, clamped to min and max. */
bool graph_fuse_is_with(const struct graph *graph, int value, enum graph_op op,
                        float min, float max, int *other, double *number);

/* Whether value = other * factor. */
bool graph_fuse_is_scaled(const struct graph *graph, int value, int *other,
                          double *factor);

/* Makes the node a function of x, if x has the shape of its output. */
void graph_fuse_become(struct graph *graph, struct graph_node *node, int x,
                       enum graph_function function);

/* graph_fuse_gate.c: GELU and hard swish, written as products. */
void graph_fuse_gate(struct graph *graph, struct graph_node *node);

/* graph_fuse_norm.c: LayerNorm, RMSNorm and division by the L2 norm. */
void graph_fuse_norm(struct graph *graph, struct graph_node *node);

/* graph_fuse_group.c: GroupNorm that ends in the reshape `back`. */
void graph_fuse_group(struct graph_users *users, struct graph_node *back);

/* graph_fuse_lrn.c: torch's LocalResponseNorm. */
void graph_fuse_lrn(struct graph *graph, struct graph_node *node);

/* graph_fuse_scores.c: sigmoid, softmax and their logarithms. */
void graph_fuse_scores(struct graph_users *users, struct graph_node *node);

#endif
