#ifndef ENGINE_PASSES_GRAPH_FUSE_H
#define ENGINE_PASSES_GRAPH_FUSE_H

/* What the files of graph_fuse share. Private to graph_fuse*.c.
 *
 * A match looks at one node and what is before it. Where that is an operation
 * spelt out, the node becomes this operation; what was before it goes with the
 * next graph_prune. */

#include "engine/graph/graph.h"
#include "engine/graph/graph_users.h"

bool graph_fuse_is_near(double a, double b);

/* The node of that operation that makes the value, or NULL. */
const struct graph_node *graph_fuse_maker(const struct graph *graph, int value,
                                          enum graph_op op);

/* The UNARY of that function that makes the value, or NULL. */
const struct graph_node *graph_fuse_function(const struct graph *graph,
                                             int value,
                                             enum graph_function function);

bool graph_fuse_is_clamped(const struct graph_node *node, float min, float max);

/* Whether the value is a constant of one number. */
bool graph_fuse_is_number(const struct graph *graph, int value, double *number);

/* value = other op number, the result being clamped to min and max. */
bool graph_fuse_is_with(const struct graph *graph, int value, enum graph_op op,
                        float min, float max, int *other, double *number);

/* value = other * factor */
bool graph_fuse_is_scaled(const struct graph *graph, int value, int *other,
                          double *factor);

/* The node becomes a function of x, if x has the shape of its result. */
void graph_fuse_become(struct graph *graph, struct graph_node *node, int x,
                       enum graph_function function);

/* graph_fuse_gate.c: GELU and hard swish, as a product of two values. */
void graph_fuse_gate(struct graph *graph, struct graph_node *node);

/* graph_fuse_norm.c: LayerNorm and RMSNorm, whose root divides or its inverse
 * is a factor, and a division by the length. */
void graph_fuse_norm(struct graph *graph, struct graph_node *node);

/* graph_fuse_group.c: GroupNorm, of which `back` is the last reshape. */
void graph_fuse_group(struct graph_users *users, struct graph_node *back);

/* graph_fuse_lrn.c: torch's LocalResponseNorm. */
void graph_fuse_lrn(struct graph *graph, struct graph_node *node);

/* graph_fuse_scores.c: what a network's scores may be made with, sigmoid and
 * softmax and their logarithms. */
void graph_fuse_scores(struct graph_users *users, struct graph_node *node);

#endif
