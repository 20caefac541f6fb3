#include "engine/passes/graph_picture.h"

#include <string.h>

static bool is_split(const struct graph_picture *picture)
{
    return picture->height > 0 && picture->rows != picture->columns;
}

/* Whether the axis holds rows and columns, and nothing else. */
static bool is_whole(const struct graph_picture *picture,
                     const struct graph_shape *shape)
{
    return is_split(picture) ||
           shape->dim[picture->rows] == picture->height * picture->width;
}

static size_t product(const struct graph_shape *shape, size_t from, size_t to)
{
    size_t count = 1;

    for (size_t i = from; i < to; i++)
        count *= shape->dim[i];
    return count;
}

/* An image on axes `rows` and `rows + 1`. */
static struct graph_picture on_axes(const struct graph_shape *shape,
                                    uint32_t rows)
{
    return (struct graph_picture){.rows = rows,
                                  .columns = rows + 1,
                                  .height = shape->dim[rows],
                                  .width = shape->dim[rows + 1]};
}

/* Marks the input, which has three channels or one. */
static struct graph_picture of_input(const struct graph_shape *shape)
{
    if (shape->rank != 4)
        return (struct graph_picture){0};
    return on_axes(shape, shape->dim[3] == 3 || shape->dim[3] == 1 ? 1 : 2);
}

/* The first axis from `i` on with a length other than 1. */
static uint32_t next_axis(const struct graph_shape *shape, uint32_t i)
{
    while (i < shape->rank && shape->dim[i] == 1)
        i++;
    return i;
}

/* Finds rows and columns from axis `i` on, if they have axes of their own:
 * unchanged, or divided into blocks, which then are the cells, for example 14
 * rows as 7 blocks of 2. */
static struct graph_picture divided(struct graph_picture picture,
                                    const struct graph_shape *out, uint32_t i)
{
    const struct graph_picture none = {0};
    size_t block = 1;

    picture.rows = i;
    if (i == out->rank || picture.height % out->dim[i] != 0)
        return none;
    while (out->dim[picture.rows] * block < picture.height) {
        i = next_axis(out, i + 1);
        if (i == out->rank)
            return none;
        block *= out->dim[i];
    }
    if (out->dim[picture.rows] * block != picture.height)
        return none;
    picture.columns = next_axis(out, i + 1);
    if (picture.columns == out->rank ||
        picture.width % out->dim[picture.columns] != 0)
        return none;
    picture.height = out->dim[picture.rows];
    picture.width = out->dim[picture.columns];
    return picture;
}

/* The image after a reshape. */
static struct graph_picture reshaped(const struct graph_picture *picture,
                                     const struct graph_shape *x,
                                     const struct graph_shape *out)
{
    struct graph_picture moved = *picture;
    size_t before, length, so_far = 1;
    uint32_t i = 0;

    if (picture->height == 0 || graph_shape_count(out) == 0 ||
        picture->columns < picture->rows ||
        product(x, picture->rows + 1, picture->columns) != 1)
        return (struct graph_picture){0};
    before = product(x, 0, picture->rows);
    length = is_split(picture) ? picture->height * picture->width
                               : x->dim[picture->rows];
    while (i < out->rank && (so_far < before || out->dim[i] == 1))
        so_far *= out->dim[i++];
    if (so_far != before || i == out->rank)
        return (struct graph_picture){0};
    moved.rows = moved.columns = i;
    if (out->dim[i] == length)
        return moved;
    return is_whole(picture, x) ? divided(moved, out, i)
                                : (struct graph_picture){0};
}

static struct graph_picture transposed(const struct graph_picture *picture,
                                       const struct graph_node *node,
                                       uint32_t rank)
{
    struct graph_picture moved = *picture;

    for (uint32_t i = 0; i < rank; i++) {
        if (node->perm[i] == picture->rows)
            moved.rows = i;
        if (node->perm[i] == picture->columns)
            moved.columns = i;
    }
    return moved;
}

/* Whether a result has the operand's rows and columns on the same axes. */
static bool fits(const struct graph_picture *picture,
                 const struct graph_shape *x, const struct graph_shape *out)
{
    return picture->height > 0 && x->rank == out->rank &&
           x->dim[picture->rows] == out->dim[picture->rows] &&
           x->dim[picture->columns] == out->dim[picture->columns];
}

/* The image of the first operand that fits. */
static struct graph_picture of_any(const struct graph_picture *pictures,
                                   const struct graph *graph,
                                   const struct graph_node *node)
{
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_value *x = graph_input(graph, node, i);

        if (x && fits(&pictures[node->inputs[i]], &x->shape,
                      &graph_output(graph, node, 0)->shape))
            return pictures[node->inputs[i]];
    }
    return (struct graph_picture){0};
}

/* Something before or after the cells, such as a class token. */
static struct graph_picture of_concat(const struct graph_picture *pictures,
                                      const struct graph *graph,
                                      const struct graph_node *node)
{
    struct graph_picture found = of_any(pictures, graph, node);
    size_t axis = (size_t)node->axis, before = 0, num = 0;

    if (found.height > 0 && axis != found.rows && axis != found.columns)
        return found;
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_picture *picture = &pictures[node->inputs[i]];

        if (picture->height > 0) {
            found = *picture;
            found.first += before;
            num++;
        }
        before += graph_input(graph, node, i)->shape.dim[axis];
    }
    if (num != 1 || is_split(&found) || found.rows != axis)
        return (struct graph_picture){0};
    return found;
}

/* Other axes may be sliced. All cells must be kept, or every second one, for
 * example; a class token must be removed. */
static struct graph_picture sliced(const struct graph_picture *picture,
                                   const struct graph_node *node,
                                   const struct graph_shape *x,
                                   const struct graph_shape *out)
{
    struct graph_picture left = *picture;
    int64_t start = node->slice.start[picture->rows];

    if (picture->height == 0)
        return left;
    if (is_split(picture)) {
        left.height = out->dim[picture->rows];
        left.width = out->dim[picture->columns];
        for (int i = 0; i < 2; i++) {
            uint32_t axis = i == 0 ? picture->rows : picture->columns;
            int64_t step = node->slice.step[axis];

            if (step < 1 || out->dim[axis] * (size_t)step != x->dim[axis])
                return (struct graph_picture){0};
        }
        return left;
    }
    if (node->slice.step[picture->rows] != 1 || start < 0 ||
        (size_t)start > picture->first ||
        (size_t)start + out->dim[picture->rows] <
            picture->first + picture->height * picture->width)
        return (struct graph_picture){0};
    left.first -= (size_t)start;
    return left;
}

/* The image after a reduction, which may remove axes before its own. */
static struct graph_picture reduced(const struct graph_picture *picture,
                                    const struct graph_node *node)
{
    struct graph_picture left = *picture;

    if (picture->height == 0 || node->reduce.axis[picture->rows] ||
        node->reduce.axis[picture->columns])
        return (struct graph_picture){0};
    for (uint32_t i = 0; !node->reduce.keep_dims && i < GRAPH_MAX_RANK; i++) {
        left.rows -= node->reduce.axis[i] && i < picture->rows;
        left.columns -= node->reduce.axis[i] && i < picture->columns;
    }
    return left;
}

/* Whether an operation works on elements or on channels. */
static bool keeps_cells(enum graph_op op)
{
    switch (op) {
    case GRAPH_ADD:
    case GRAPH_SUB:
    case GRAPH_MUL:
    case GRAPH_DIV:
    case GRAPH_POW:
    case GRAPH_MIN:
    case GRAPH_MAX:
    case GRAPH_PRELU:
    case GRAPH_WHERE:
    case GRAPH_UNARY:
    case GRAPH_CLAMP:
    case GRAPH_BATCH_NORM:
    case GRAPH_NORM:
    case GRAPH_LRN:
    case GRAPH_SOFTMAX:
    case GRAPH_LOG_SOFTMAX:
    case GRAPH_QUANTIZE:
    case GRAPH_DEQUANTIZE:
    case GRAPH_CAST:
    case GRAPH_IDENTITY:
        return true;
    default:
        return false;
    }
}

static struct graph_picture made_by(const struct graph_picture *pictures,
                                    const struct graph *graph,
                                    const struct graph_node *node)
{
    const struct graph_shape *out = &graph_output(graph, node, 0)->shape, *x;
    const struct graph_picture *picture;
    struct graph_picture none = {0};

    if (node->num_inputs == 0 || node->inputs[0] == GRAPH_NONE)
        return none;
    x = &graph_input(graph, node, 0)->shape;
    picture = &pictures[node->inputs[0]];
    switch (node->op) {
    case GRAPH_CONV:
    case GRAPH_DECONV:
    case GRAPH_MAX_POOL:
    case GRAPH_AVERAGE_POOL:
    case GRAPH_LP_POOL:
    case GRAPH_DEPTH_TO_SPACE:
    case GRAPH_SPACE_TO_DEPTH:
        return on_axes(out, node->nhwc ? 1 : 2);
    case GRAPH_RESIZE:
        if (!is_split(picture))
            return none;
        none = *picture;
        none.height = out->dim[none.rows];
        none.width = out->dim[none.columns];
        return none;
    case GRAPH_RESHAPE:
        return reshaped(picture, x, out);
    case GRAPH_TRANSPOSE:
        return transposed(picture, node, out->rank);
    case GRAPH_CONCAT:
        return of_concat(pictures, graph, node);
    case GRAPH_SLICE:
        return sliced(picture, node, x, out);
    case GRAPH_MEAN:
    case GRAPH_REDUCE:
        return reduced(picture, node);
    case GRAPH_LINEAR: /* along the last axis */
        if (picture->rows + 1 == out->rank || picture->columns + 1 == out->rank)
            return none;
        return fits(picture, x, out) ? *picture : none;
    case GRAPH_GATHER:
        if ((size_t)node->axis == picture->rows ||
            (size_t)node->axis == picture->columns)
            return none;
        return fits(picture, x, out) ? *picture : none;
    default:
        return keeps_cells(node->op) ? of_any(pictures, graph, node) : none;
    }
}

void graph_picture_find(struct graph_picture *pictures,
                        const struct graph *graph)
{
    memset(pictures, 0, graph->num_values * sizeof *pictures);
    for (size_t i = 0; i < graph->num_inputs; i++)
        pictures[graph->inputs[i]] =
            of_input(&graph->values[graph->inputs[i]].shape);
    for (size_t n = 0; n < graph->num_nodes; n++) {
        const struct graph_node *node = &graph->nodes[n];

        if (node->num_outputs > 0 && !graph_output(graph, node, 0)->data)
            pictures[node->outputs[0]] = made_by(pictures, graph, node);
    }
}
