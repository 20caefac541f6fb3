#ifndef ENGINE_KERNEL_KERNEL_CALL_H
#define ENGINE_KERNEL_KERNEL_CALL_H

/* Shared by the kernels. Private to kernel*.c. */

#include "engine/base/team.h"
#include "engine/graph/graph.h"

/* One node being run. */
struct kernel_call {
    const struct graph *graph;
    const struct graph_node *node;
    const void *const *inputs;
    void *out;
    const struct graph_value *to; /* the output's type and shape */
    size_t count;                 /* elements of the output */
    struct team_member *member;   /* whose helpers may compute; or NULL */
    struct error *err;
};

/* Walks over the output's elements in order, with the offset of each in an
 * array that has other strides. */
struct kernel_walk {
    size_t index[GRAPH_MAX_RANK];
    int64_t offset;
};

void kernel_walk_next(struct kernel_walk *walk, const struct graph_shape *shape,
                      const int64_t stride[GRAPH_MAX_RANK]);

/* Operand i; NULL if it is absent. */
const struct graph_value *kernel_in(const struct kernel_call *call, uint32_t i);

/* The size of one element in bytes. */
size_t kernel_size_of(const struct graph_value *value);

/* Row-major strides, in elements. */
void kernel_strides(const struct graph_shape *shape,
                    int64_t stride[GRAPH_MAX_RANK]);

/* The strides of an operand that is broadcast to the output. */
void kernel_broadcast_strides(const struct kernel_call *call, uint32_t operand,
                              int64_t stride[GRAPH_MAX_RANK]);

/* Fills the output with elements of the first input, from offset `start` on
 * with the strides `stride`. */
void kernel_copy_strided(const struct kernel_call *call, int64_t start,
                         const int64_t stride[GRAPH_MAX_RANK]);

/* Rounds towards zero and saturates. */
int64_t kernel_to_int(double value);

/* Clamps to the node's min and max. */
float kernel_clamped(const struct graph_node *node, float value);

/* The kernels: kernel_KERNEL for each name in graph_node.h. Each runs the node
 * of a call whose output is not empty. */
#define X(op, name, floats, facts, work, shape, layout, kernel, ...) \
    bool kernel_##kernel(const struct kernel_call *call);
GRAPH_OPS(X)
#undef X

#endif
