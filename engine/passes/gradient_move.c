/* Gradients of what rearranges: order, parts, shapes. */

#include <stdlib.h>
#include <string.h>

#include "engine/passes/backward.h"

bool gradient_reshape(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, backward_in(back, 0));

    return backward_give(back, 0, backward_reshaped(back, g, &x));
}

bool gradient_transpose(struct backward *back, int g)
{
    size_t perm[GRAPH_MAX_RANK];
    uint32_t rank = backward_shape(back, g).rank;

    for (uint32_t i = 0; i < GRAPH_MAX_RANK; i++)
        perm[i] = i;
    for (uint32_t i = 0; i < rank; i++)
        perm[back->node->perm[i]] = i;
    return backward_give(back, 0, backward_transposed(back, g, perm));
}

bool gradient_concat(struct backward *back, int g)
{
    size_t axis = (size_t)back->node->axis;
    int64_t start = 0;

    for (uint32_t i = 0; i < back->node->num_inputs; i++) {
        struct graph_shape x = backward_shape(back, backward_in(back, i));
        struct graph_node like = backward_like(GRAPH_SLICE);

        for (uint32_t k = 0; k < GRAPH_MAX_RANK; k++)
            like.slice.step[k] = 1;
        like.slice.start[axis] = start;
        start += (int64_t)x.dim[axis];
        if (backward_needs(back, i) &&
            !backward_give(back, i, backward_node(back, &like, &g, 1, &x)))
            return false;
    }
    return true;
}

/* Puts elements back to start, start + step, ... along an axis. */
static int spread(struct backward *back, int g, size_t axis, int64_t start,
                  int64_t step, size_t length)
{
    size_t num = backward_shape(back, g).dim[axis];
    float *matrix = calloc(num * length + 1, sizeof *matrix);
    int made;

    if (!matrix) {
        fail(back->err, ERROR_MEMORY, "not enough memory for a slice");
        return GRAPH_NONE;
    }
    for (size_t i = 0; i < num; i++)
        matrix[i * length + (size_t)(start + (int64_t)i * step)] = 1;
    made = backward_along(back, g, axis, matrix, num, length);
    free(matrix);
    return made;
}

/* What was cut off gets 0: a border where the step is 1. */
bool gradient_slice(struct backward *back, int g)
{
    const struct graph_node *node = back->node;
    struct graph_shape x = backward_shape(back, backward_in(back, 0));
    struct graph_node like = backward_like(GRAPH_PAD);
    struct graph_shape now;
    bool has_border = false;

    for (uint32_t i = 0; g != GRAPH_NONE && i < x.rank; i++)
        if (node->slice.step[i] != 1)
            g = spread(back, g, i, node->slice.start[i], node->slice.step[i],
                       x.dim[i]);
    now = backward_shape(back, g);
    for (uint32_t i = 0; i < now.rank; i++) {
        if (node->slice.step[i] != 1)
            continue;
        like.pad.before[i] = node->slice.start[i];
        like.pad.after[i] =
            (int64_t)x.dim[i] - (int64_t)now.dim[i] - like.pad.before[i];
        has_border |= now.dim[i] != x.dim[i];
    }
    if (has_border)
        g = backward_node(back, &like, &g, 1, &x);
    return backward_give(back, 0, g);
}

/* A way along one axis, the others taken together where the indices are not
 * one list. */
bool gradient_gather(struct backward *back, int g)
{
    const struct graph_value *indices = graph_input(back->graph, back->node, 1);
    struct graph_shape x = backward_shape(back, backward_in(back, 0)), list = x;
    size_t axis = (size_t)back->node->axis, length = x.dim[axis];
    size_t num = graph_shape_count(&indices->shape);
    float *matrix = calloc(num * length + 1, sizeof *matrix);

    if (!matrix)
        return fail(back->err, ERROR_MEMORY, "not enough memory for a gather");
    for (size_t i = 0; i < num; i++) {
        int64_t index = graph_ints(indices)[i];

        index += index < 0 ? (int64_t)length : 0;
        matrix[i * length + (size_t)index] = 1;
    }
    list.dim[axis] = num;
    g = backward_along(back, backward_reshaped(back, g, &list), axis, matrix,
                       num, length);
    free(matrix);
    return backward_give(back, 0, g);
}

/* ---- by indices of elements ---- */

static int zeros(struct backward *back, const struct graph_shape *shape)
{
    float *elements;

    return backward_floats(back, shape, &elements);
}

static int scattered(struct backward *back, enum graph_op op, size_t axis,
                     enum graph_scatter how, int to, int indices, int updates)
{
    struct graph_shape shape = backward_shape(back, to);
    struct graph_node like = backward_like(op);

    like.scatter.axis = (int64_t)axis;
    like.scatter.how = how;
    return backward_node(back, &like, (int[]){to, indices, updates}, 3, &shape);
}

bool gradient_gather_elements(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, backward_in(back, 0));

    g = scattered(back, GRAPH_SCATTER_ELEMENTS, (size_t)back->node->axis,
                  GRAPH_SCATTER_ADD, zeros(back, &x), backward_in(back, 1), g);
    return backward_give(back, 0, g);
}

/* The indices of a GATHER_ND with the coordinates on the common axes before
 * them, as SCATTER_ND takes them. */
static int whole_tuples(struct backward *back, const struct graph_shape *x)
{
    size_t common = (size_t)back->node->axis;
    int value = backward_in(back, 1), made;
    struct graph_shape old = backward_shape(back, value), shape = old;
    size_t num = old.dim[old.rank - 1], tuples = 1;
    size_t batches = 1;
    const int64_t *from;
    int64_t *to;

    if (common == 0)
        return value;
    for (uint32_t i = 0; i + 1 < old.rank; i++)
        tuples *= old.dim[i];
    for (size_t i = 0; i < common; i++)
        batches *= x->dim[i];
    shape.dim[shape.rank - 1] = num + common;
    made = backward_ints(back, &shape, &to);
    if (made == GRAPH_NONE)
        return GRAPH_NONE;
    from = graph_ints(&back->graph->values[value]);
    for (size_t t = 0; t < tuples; t++) {
        size_t batch = t / (tuples / batches);

        for (size_t i = common; i-- > 0;) {
            to[i] = (int64_t)(batch % x->dim[i]);
            batch /= x->dim[i];
        }
        memcpy(to + common, from + t * num, num * sizeof *to);
        to += common + num;
    }
    return made;
}

bool gradient_gather_nd(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, backward_in(back, 0));

    g = scattered(back, GRAPH_SCATTER_ND, 0, GRAPH_SCATTER_ADD, zeros(back, &x),
                  whole_tuples(back, &x), g);
    return backward_give(back, 0, g);
}

/* x gets 0 where it was replaced; each update gets what is in its place. */
static bool give_scattered(struct backward *back, int g, enum graph_op gather,
                           int64_t gather_axis)
{
    struct graph_shape updates = backward_shape(back, backward_in(back, 2));
    enum graph_scatter how = back->node->scatter.how;
    int indices = backward_in(back, 1);
    struct graph_node like = backward_like(gather);

    if (how != GRAPH_SCATTER_REPLACE && how != GRAPH_SCATTER_ADD)
        return gradient_none(back, g);
    like.axis = gather_axis;
    if (backward_needs(back, 2) &&
        !backward_give(
            back, 2,
            backward_node(back, &like, (int[]){g, indices}, 2, &updates)))
        return false;
    if (backward_needs(back, 0) && how == GRAPH_SCATTER_REPLACE)
        g = scattered(back, back->node->op, (size_t)back->node->scatter.axis,
                      how, g, indices, zeros(back, &updates));
    return backward_give(back, 0, g);
}

bool gradient_scatter_elements(struct backward *back, int g)
{
    return give_scattered(back, g, GRAPH_GATHER_ELEMENTS,
                          back->node->scatter.axis);
}

bool gradient_scatter_nd(struct backward *back, int g)
{
    return give_scattered(back, g, GRAPH_GATHER_ND, 0);
}

/* ---- its own way back ---- */

bool gradient_trilu(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, g);
    struct graph_node like = backward_like(GRAPH_TRILU);

    like.diagonal = back->node->diagonal;
    return backward_give(back, 0, backward_node(back, &like, &g, 1, &x));
}

bool gradient_reverse(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, g);
    struct graph_node like = backward_like(GRAPH_REVERSE);

    like.reverse = back->node->reverse;
    return backward_give(
        back, 0,
        backward_node(back, &like, (int[]){g, backward_in(back, 1)}, 2, &x));
}
