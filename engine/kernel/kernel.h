#ifndef ENGINE_KERNEL_KERNEL_H
#define ENGINE_KERNEL_KERNEL_H

/* Plain kernels: what a node does, written out. They compute constants when a
 * model is opened, and at run time the nodes that the XNNPACK at hand lacks. */

#include "engine/graph/graph.h"

/* Whether there is a plain kernel for the node. */
bool kernel_supports(const struct graph_node *node);

/* Runs one node.
 *
 * inputs   in   the operands' elements, of the types and shapes the graph
 *               gives them; NULL where left out
 * outputs  out  likewise; no overlap with the inputs
 *
 * ERROR_INPUT: an integer division by zero, an index out of range: constants
 * of a malformed file. Any thread. */
bool kernel_run(const struct graph *graph, const struct graph_node *node,
                const void *const *inputs, void *const *outputs,
                struct error *err) __attribute__((warn_unused_result));

#endif
