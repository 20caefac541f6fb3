#include "engine/passes/infer.h"

#include <inttypes.h>
#include <string.h>

#include "engine/passes/graph_const.h"

struct graph_value *infer_in(const struct infer *infer, uint32_t i)
{
    return graph_input(infer->graph, infer->node, i);
}

const struct graph_shape *infer_shape(const struct infer *infer, uint32_t i)
{
    return &infer_in(infer, i)->shape;
}

bool infer_ints(const struct infer *infer, uint32_t i, const char *what,
                size_t max, const int64_t **ints, size_t *count)
{
    const struct graph_value *value = infer_in(infer, i);

    *ints = NULL;
    *count = 0;
    if (!value)
        return true;
    if (!value->data)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "its %s depends on the picture", what);
    if (value->type != GRAPH_INT || value->shape.rank > 1)
        return fail(infer->err, ERROR_INPUT, "its %s is not a list of integers",
                    what);
    *count = graph_shape_count(&value->shape);
    if (*count > max)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "its %s has %zu numbers; at most %zu are supported", what,
                    *count, max);
    *ints = value->data;
    return true;
}

bool infer_float(const struct infer *infer, uint32_t i, const char *what,
                 float *number)
{
    const struct graph_value *value = infer_in(infer, i);

    if (!value)
        return true;
    if (!value->data)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "its %s depends on the picture", what);
    if (graph_shape_count(&value->shape) != 1)
        return fail(infer->err, ERROR_INPUT, "its %s is not one number", what);
    *number = value->type == GRAPH_FLOAT ? graph_floats(value)[0]
                                         : (float)graph_ints(value)[0];
    return true;
}

bool infer_target(const struct infer *infer, uint32_t i,
                  struct graph_shape *shape)
{
    const int64_t *dims;
    size_t count;

    if (!infer_ints(infer, i, "shape", GRAPH_MAX_RANK, &dims, &count))
        return false;
    shape->rank = (uint32_t)count;
    for (size_t d = 0; d < count; d++) {
        if (dims[d] < 0 || dims[d] > INT32_MAX)
            return fail(infer->err, ERROR_INPUT, "its shape holds %" PRId64,
                        dims[d]);
        shape->dim[d] = (size_t)dims[d];
    }
    return true;
}

bool infer_axis(const struct infer *infer, int64_t raw, uint32_t rank,
                size_t *axis)
{
    *axis = 0;
    if (raw < -(int64_t)rank || raw >= (int64_t)rank)
        return fail(infer->err, ERROR_INPUT,
                    "axis %" PRId64 " is not one of %u dimensions", raw, rank);
    *axis = (size_t)(raw < 0 ? raw + rank : raw);
    return true;
}

bool infer_axes(const struct infer *infer, const int64_t *raw, size_t num_raw,
                uint32_t rank, bool marked[GRAPH_MAX_RANK], size_t *count)
{
    if (num_raw == 0 &&
        !infer_ints(infer, 1, "list of axes", GRAPH_MAX_RANK, &raw, &num_raw))
        return false;
    memset(marked, 0, GRAPH_MAX_RANK * sizeof *marked);
    for (size_t i = 0; i < num_raw; i++) {
        size_t axis;

        if (!infer_axis(infer, raw[i], rank, &axis))
            return false;
        if (marked[axis])
            return fail(infer->err, ERROR_INPUT, "it names an axis twice");
        marked[axis] = true;
    }
    *count = num_raw;
    return true;
}

bool infer_again(struct infer *infer)
{
    infer->shape = graph_output(infer->graph, infer->node, 0)->shape;
    return true;
}

bool infer_broadcast(struct infer *infer, const struct graph_shape *a,
                     const struct graph_shape *b)
{
    char text_a[GRAPH_SHAPE_TEXT], text_b[GRAPH_SHAPE_TEXT];
    uint32_t rank = a->rank > b->rank ? a->rank : b->rank;

    infer->shape.rank = rank;
    for (uint32_t i = 0; i < rank; i++) {
        size_t of_a = i + a->rank < rank ? 1 : a->dim[i + a->rank - rank];
        size_t of_b = i + b->rank < rank ? 1 : b->dim[i + b->rank - rank];

        if (of_a != of_b && of_a != 1 && of_b != 1)
            return fail(
                infer->err, ERROR_INPUT, "%s and %s do not fit together",
                graph_shape_text(text_a, a), graph_shape_text(text_b, b));
        infer->shape.dim[i] = of_a == 1 ? of_b : of_a;
    }
    return true;
}

/* ---- a node ---- */

static bool (*const rules[GRAPH_NUM_OPS])(struct infer *infer) = {
#define X(op, name, floats, facts, work, shape, ...) [op] = graph_shape_##shape,
    GRAPH_OPS(X)
#undef X
};

bool infer_node(struct graph *graph, struct graph_node *node, struct error *err)
{
    struct infer infer = {.graph = graph, .node = node, .err = err};
    struct graph_value *out;

    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_value *value = graph_input(graph, node, i);

        if (value && value->type == GRAPH_INT && i < graph_op_floats(node->op))
            return fail(err, ERROR_UNSUPPORTED, "its input %u is of integers",
                        i);
    }
    if (!rules[node->op](&infer) || !graph_shape_check(&infer.shape, err))
        return false;
    node->resolved = true;
    out = graph_output(graph, node, 0);
    out->shape = infer.shape;
    out->has_shape = true;
    if (!graph_const_fold(graph, node, err))
        return false;
    if (!out->data && out->type == GRAPH_INT)
        return fail(err, ERROR_UNSUPPORTED,
                    "it computes integers from the picture");
    if (!out->data && graph_shape_count(&out->shape) == 0)
        return fail(err, ERROR_UNSUPPORTED, "its output is empty");
    return true;
}
