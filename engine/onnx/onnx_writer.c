#include "engine/onnx/onnx_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 64 };

/* AttributeProto.AttributeType */
enum { TYPE_FLOAT = 1, TYPE_INT = 2, TYPE_STRING = 3, TYPE_INTS = 7 };

void *onnx_writer_take(struct onnx_writer *w, size_t count, size_t size)
{
    void *made = arena_take(&w->arena, count, size, w->err);

    w->is_failed |= !made;
    return made;
}

static char *copied(struct onnx_writer *w, const char *text)
{
    char *made = arena_text(&w->arena, text, strlen(text), w->err);

    w->is_failed |= !made;
    return made;
}

/* A name that nothing else has. */
static char *made_up(struct onnx_writer *w)
{
    char text[NAME_SIZE];

    snprintf(text, sizeof text, "%s%zu", w->prefix, w->num_made_up++);
    return copied(w, text);
}

/* Makes room for one more pointer in a list. */
static bool grow(struct onnx_writer *w, void *list, size_t num, size_t *cap,
                 size_t size)
{
    size_t wanted = *cap > 0 ? 2 * *cap : 64;
    void *grown;

    if (num < *cap)
        return true;
    memcpy(&grown, list, sizeof grown);
    grown = realloc(grown, wanted * size);
    if (!grown) {
        w->is_failed = true;
        return fail(w->err, ERROR_MEMORY, "not enough memory for a file");
    }
    memcpy(list, &grown, sizeof grown);
    *cap = wanted;
    return true;
}

/* ---- what the node has ---- */

bool onnx_writer_has(const struct onnx_writer *w, uint32_t i)
{
    return i < w->node->num_inputs && w->node->inputs[i] != GRAPH_NONE;
}

const char *onnx_writer_value(struct onnx_writer *w, int value)
{
    const struct graph_value *v = &w->graph->values[value];
    const char *made;

    if (!w->names[value])
        w->names[value] = *v->name ? v->name : made_up(w);
    if (!v->data || w->is_written[value] || !w->names[value])
        return w->names[value];
    w->is_written[value] = true;
    made = onnx_writer_constant(w, v->type, &v->shape, v->data);
    if (made)
        w->constants[w->num_constants - 1]->name = copied(w, w->names[value]);
    return made ? w->names[value] : NULL;
}

const char *onnx_writer_in(struct onnx_writer *w, uint32_t i)
{
    return onnx_writer_has(w, i) ? onnx_writer_value(w, w->node->inputs[i])
                                 : "";
}

const char *onnx_writer_floats_in(struct onnx_writer *w, uint32_t i)
{
    const char *name = onnx_writer_in(w, i);

    return onnx_writer_has(w, i) &&
                   graph_input(w->graph, w->node, i)->type == GRAPH_INT
               ? onnx_writer_to_float(w, name)
               : name;
}

const struct graph_shape *onnx_writer_shape(const struct onnx_writer *w,
                                            uint32_t i)
{
    return &graph_input(w->graph, w->node, i)->shape;
}

const struct graph_shape *onnx_writer_out(const struct onnx_writer *w)
{
    return &graph_output(w->graph, w->node, 0)->shape;
}

const char *onnx_writer_refuse(struct onnx_writer *w, const char *why)
{
    w->is_failed = true;
    fail(w->err, ERROR_UNSUPPORTED, "%s", why);
    return NULL;
}

/* ---- nodes ---- */

const char *onnx_writer_node(struct onnx_writer *w, const char *op,
                             const char *const *inputs, size_t num_inputs)
{
    onnx_node_proto *node = onnx_writer_take(w, 1, sizeof *node);
    char **texts = onnx_writer_take(w, num_inputs + 1, sizeof *texts);

    if (!node || !texts ||
        !grow(w, &w->nodes, w->num_nodes, &w->cap_nodes, sizeof *w->nodes))
        return NULL;
    for (size_t i = 0; i < num_inputs; i++) {
        if (!inputs[i])
            return NULL;
        texts[i] = copied(w, inputs[i]);
    }
    while (num_inputs > 0 && !*inputs[num_inputs - 1])
        num_inputs--;
    texts[num_inputs] = made_up(w);
    onnx__node_proto__init(node);
    node->op_type = copied(w, op);
    node->input = texts;
    node->n_input = num_inputs;
    node->output = &texts[num_inputs];
    node->n_output = 1;
    node->name = texts[num_inputs];
    if (w->is_failed)
        return NULL;
    w->nodes[w->num_nodes++] = node;
    return node->name;
}

const char *onnx_writer_one(struct onnx_writer *w, const char *op,
                            const char *a)
{
    return onnx_writer_node(w, op, &a, 1);
}

const char *onnx_writer_two(struct onnx_writer *w, const char *op,
                            const char *a, const char *b)
{
    return onnx_writer_node(w, op, (const char *const[]){a, b}, 2);
}

/* Adds an attribute to the last node; NULL after a failure. */
static onnx_attribute_proto *attribute(struct onnx_writer *w, const char *name,
                                       int type)
{
    onnx_attribute_proto *made = onnx_writer_take(w, 1, sizeof *made), **list;
    onnx_node_proto *node;

    if (w->is_failed || w->num_nodes == 0)
        return NULL;
    node = w->nodes[w->num_nodes - 1];
    list = onnx_writer_take(w, node->n_attribute + 1, sizeof *list);
    if (!list)
        return NULL;
    for (size_t i = 0; i < node->n_attribute; i++)
        list[i] = node->attribute[i];
    onnx__attribute_proto__init(made);
    made->name = copied(w, name);
    made->has_type = true;
    made->type = type;
    list[node->n_attribute++] = made;
    node->attribute = list;
    return made;
}

void onnx_writer_int(struct onnx_writer *w, const char *name, int64_t value)
{
    onnx_attribute_proto *made = attribute(w, name, TYPE_INT);

    if (made) {
        made->has_i = true;
        made->i = value;
    }
}

void onnx_writer_float(struct onnx_writer *w, const char *name, float value)
{
    onnx_attribute_proto *made = attribute(w, name, TYPE_FLOAT);

    if (made) {
        made->has_f = true;
        made->f = value;
    }
}

void onnx_writer_text(struct onnx_writer *w, const char *name, const char *text)
{
    onnx_attribute_proto *made = attribute(w, name, TYPE_STRING);
    char *copy = copied(w, text);

    if (made && copy) {
        made->has_s = true;
        made->s.data = (uint8_t *)copy;
        made->s.len = strlen(copy);
    }
}

void onnx_writer_ints(struct onnx_writer *w, const char *name,
                      const int64_t *values, size_t count)
{
    onnx_attribute_proto *made = attribute(w, name, TYPE_INTS);
    int64_t *copy = onnx_writer_take(w, count, sizeof *copy);

    if (made && copy) {
        memcpy(copy, values, count * sizeof *copy);
        made->ints = copy;
        made->n_ints = count;
    }
}

const char *onnx_writer_reshape(struct onnx_writer *w, const char *x,
                                const struct graph_shape *from,
                                const struct graph_shape *to)
{
    return graph_shape_equal(from, to)
               ? x
               : onnx_writer_two(w, "Reshape", x, onnx_writer_dims(w, to));
}

const char *onnx_writer_transpose(struct onnx_writer *w, const char *x,
                                  const int64_t *perm, size_t rank)
{
    x = onnx_writer_one(w, "Transpose", x);
    onnx_writer_ints(w, "perm", perm, rank);
    return x;
}

const char *onnx_writer_to_float(struct onnx_writer *w, const char *x)
{
    x = onnx_writer_one(w, "Cast", x);
    onnx_writer_int(w, "to", ONNX_FLOAT);
    return x;
}

const char *onnx_writer_where(struct onnx_writer *w, const char *condition,
                              const char *a, const char *b)
{
    return onnx_writer_node(w, "Where", (const char *const[]){condition, a, b},
                            3);
}

const char *onnx_writer_reduce(struct onnx_writer *w, const char *op,
                               const char *x, const int64_t *axes,
                               size_t num_axes, bool keep_dims)
{
    /* The first operator whose axes became an operand, in opset 13. */
    bool is_sum = strcmp(op, "ReduceSum") == 0;

    if (is_sum)
        x = onnx_writer_two(w, op, x, onnx_writer_list(w, axes, num_axes));
    else
        x = onnx_writer_one(w, op, x);
    if (!is_sum)
        onnx_writer_ints(w, "axes", axes, num_axes);
    onnx_writer_int(w, "keepdims", keep_dims);
    return x;
}

/* ---- constants ---- */

const char *onnx_writer_constant(struct onnx_writer *w, enum graph_type type,
                                 const struct graph_shape *shape,
                                 const void *elements)
{
    size_t size = type == GRAPH_INT ? sizeof(int64_t) : sizeof(float);
    onnx_tensor_proto *made = onnx_writer_take(w, 1, sizeof *made);
    int64_t *dims = onnx_writer_take(w, shape->rank, sizeof *dims);

    if (!made || !dims || !elements ||
        !grow(w, &w->constants, w->num_constants, &w->cap_constants,
              sizeof *w->constants))
        return NULL;
    for (uint32_t i = 0; i < shape->rank; i++)
        dims[i] = (int64_t)shape->dim[i];
    onnx__tensor_proto__init(made);
    made->dims = dims;
    made->n_dims = shape->rank;
    made->has_data_type = true;
    made->data_type = type == GRAPH_INT ? ONNX_INT64 : ONNX_FLOAT;
    made->has_raw_data = true;
    made->raw_data.len = graph_shape_count(shape) * size;
    memcpy(&made->raw_data.data, &elements, sizeof elements); /* only read */
    made->name = made_up(w);
    w->constants[w->num_constants++] = made;
    return made->name;
}

/* Numbers are written once. */
const char *onnx_writer_number(struct onnx_writer *w, float number)
{
    float *element;

    for (size_t i = 0; i < w->num_constants; i++) {
        const onnx_tensor_proto *other = w->constants[i];

        if (other->n_dims == 0 && other->data_type == ONNX_FLOAT &&
            memcmp(other->raw_data.data, &number, sizeof number) == 0)
            return other->name;
    }
    element = onnx_writer_take(w, 1, sizeof *element);
    if (element)
        *element = number;
    return onnx_writer_constant(w, GRAPH_FLOAT, &(struct graph_shape){0},
                                element);
}

const char *onnx_writer_integer(struct onnx_writer *w, int64_t number)
{
    int64_t *element = onnx_writer_take(w, 1, sizeof *element);

    if (element)
        *element = number;
    return onnx_writer_constant(w, GRAPH_INT, &(struct graph_shape){0},
                                element);
}

const char *onnx_writer_list(struct onnx_writer *w, const int64_t *values,
                             size_t count)
{
    struct graph_shape shape = {.rank = 1, .dim = {count}};
    int64_t *copy = onnx_writer_take(w, count, sizeof *copy);

    if (copy)
        memcpy(copy, values, count * sizeof *copy);
    return onnx_writer_constant(w, GRAPH_INT, &shape, copy);
}

const char *onnx_writer_dims(struct onnx_writer *w,
                             const struct graph_shape *shape)
{
    int64_t dims[GRAPH_MAX_RANK];

    for (uint32_t i = 0; i < shape->rank; i++)
        dims[i] = (int64_t)shape->dim[i];
    return onnx_writer_list(w, dims, shape->rank);
}

/* ---- sums along one axis ---- */

/* Multiplies by the weights, unless all are 1; `axes` follow theirs. */
static const char *weighted(struct onnx_writer *w, const char *x,
                            const struct onnx_writer_mix *mix, uint32_t axes)
{
    struct graph_shape shape = {.rank = axes + 1, .dim = {mix->length}};
    bool all_ones = true;

    for (size_t i = 0; i < mix->length * mix->taps; i++)
        all_ones &= mix->weight[i] == 1;
    if (all_ones)
        return x;
    for (uint32_t i = 1; i < shape.rank; i++)
        shape.dim[i] = 1;
    if (mix->taps > 1)
        shape.dim[1] = mix->taps;
    return onnx_writer_two(
        w, "Mul", x, onnx_writer_constant(w, GRAPH_FLOAT, &shape, mix->weight));
}

static bool is_identity(const struct onnx_writer_mix *mix, size_t length)
{
    for (size_t i = 0; i < mix->length; i++)
        if (mix->index[i] != (int64_t)i)
            return false;
    return mix->length == length;
}

static const char *gathered(struct onnx_writer *w, const char *x,
                            const struct onnx_writer_mix *mix, size_t axis)
{
    struct graph_shape table = {.rank = mix->taps > 1 ? 2 : 1,
                                .dim = {mix->length, mix->taps}};

    if (mix->taps == 1)
        table.dim[1] = 0;
    x = onnx_writer_two(w, "Gather", x,
                        onnx_writer_constant(w, GRAPH_INT, &table, mix->index));
    onnx_writer_int(w, "axis", (int64_t)axis);
    return x;
}

const char *onnx_writer_mixed(struct onnx_writer *w, const char *x,
                              struct graph_shape *shape,
                              const struct onnx_writer_mix *mix)
{
    struct graph_shape from = *shape, flat = {.rank = 3, .dim = {1, 0, 1}};
    const int64_t taps_axis = 2;

    flat.dim[1] = from.dim[mix->axis];
    for (size_t i = 0; i < from.rank; i++)
        if (i != mix->axis)
            flat.dim[i < mix->axis ? 0 : 2] *= from.dim[i];
    shape->dim[mix->axis] = mix->length;
    if (mix->taps == 1) {
        if (!is_identity(mix, from.dim[mix->axis]))
            x = gathered(w, x, mix, mix->axis);
        return weighted(w, x, mix, from.rank - 1 - (uint32_t)mix->axis);
    }
    x = onnx_writer_reshape(w, x, &from, &flat);
    x = weighted(w, gathered(w, x, mix, 1), mix, 2);
    x = onnx_writer_reduce(w, "ReduceSum", x, &taps_axis, 1, false);
    flat.dim[1] = mix->length;
    return onnx_writer_reshape(w, x, &flat, shape);
}
