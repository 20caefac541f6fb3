#ifndef ENGINE_KERNEL_KERNEL_H
#define ENGINE_KERNEL_KERNEL_H

/* Plain kernels: each node's operation written out in C. They compute constants
 * when a model is opened, and at run time the nodes that XNNPACK does not
 * support. */

#include "engine/base/team.h"
#include "engine/graph/graph.h"

/* Whether there is a plain kernel for the node. */
bool kernel_supports(const struct graph_node *node);

/* Runs one node.
 *
 *     inputs   in   the operands' elements, with the types and shapes that the
 *                   graph gives them; NULL for an absent operand
 *     outputs  out  likewise; they must not overlap the inputs
 *
 * The caller's thread computes, and for what large networks use, the member's
 * helpers (NULL: none); results do not depend on their number.
 *
 * ERROR_INPUT: an integer division by zero or an index out of range, both from
 * constants of a malformed file. Any thread. */
bool kernel_run(const struct graph *graph, const struct graph_node *node,
                const void *const *inputs, void *const *outputs,
                struct team_member *member, struct error *err)
    __attribute__((warn_unused_result));

/* Whether the node is a function of one number that kernel_apply computes: one
 * that takes few instructions, without a clamp. */
bool kernel_applies(const struct graph_node *node);

/* Replaces numbers by the node's function of them, on the caller's thread. Any
 * thread. */
void kernel_apply(const struct graph_node *node, float *x, size_t count);

#endif
