#ifndef ENGINE_PASSES_GRADIENT_H
#define ENGINE_PASSES_GRADIENT_H

/* Reverse mode, from graph to graph: the nodes that compute how a target
 * changes with values of the network are added to it as ordinary nodes.
 *
 * The target t is a function of one value, the source: of the logits, as a
 * rule. Its gradient there, the seed dt/d(source), is a new input, so that one
 * plan serves all targets. From the seed, gradients go from each node's output
 * to its operands by the operation's rule, a row of GRAPH_OPS, and are added
 * up where a value is taken by several nodes. Only what lies between the
 * source and the wanted values is made.
 *
 * Where a function has a kink, its derivative is PyTorch's: 0 at the bounds of
 * a clamp; of equal numbers in a max-pool the first one is the largest. */

#include "engine/graph/graph.h"
#include "engine/passes/gradient_rule.h"

struct gradient_options {
    int source;        /* value */
    const int *wanted; /* (num_wanted) values that the source depends on */
    size_t num_wanted;
    enum gradient_rule rule;
};

/* Adds the backward nodes to a graph after graph_fold and before graph_layout.
 * The seed becomes its last input and the gradients its last outputs, in the
 * order of `wanted` and each of its value's shape (pictures become NHWC in
 * graph_layout, as all outputs do). Forward nodes stay as they are.
 *
 * ERROR_UNSUPPORTED: an operation on the way has no gradient here, or none by
 * this rule; the text names the node. A wanted value has no influence on the
 * source, or its gradient is 0 everywhere. ERROR_MEMORY, ERROR_LIMIT. After a
 * failure the graph may be released only. */
bool gradient_append(struct graph *graph,
                     const struct gradient_options *options, struct error *err)
    __attribute__((warn_unused_result));

#endif
