#include "engine/onnx/onnx_reader.h"

#include <string.h>

/* Sets a dimension that the file leaves open or that is overridden. */
static void set_side(int64_t *dim, size_t side, bool override)
{
    if (side > 0 && (*dim <= 0 || override))
        *dim = (int64_t)side;
}

/* Whether the file transposes the named value to NCHW, possibly after a Cast.
 * If so, and no dimension shows which axis holds the channels, it is the last.
 */
static bool becomes_nchw(const onnx_graph_proto *graph, const char *name)
{
    static const int64_t perm[] = {0, 3, 1, 2};

    for (size_t i = 0; i < graph->n_node; i++) {
        const onnx_node_proto *node = graph->node[i];

        if (node->n_input < 1 || node->n_output < 1 || !node->op_type ||
            strcmp(node->input[0], name) != 0)
            continue;
        if (strcmp(node->op_type, "Cast") == 0)
            name = node->output[0];
        else
            return strcmp(node->op_type, "Transpose") == 0 &&
                   node->n_attribute == 1 && node->attribute[0]->n_ints == 4 &&
                   memcmp(node->attribute[0]->ints, perm, sizeof perm) == 0;
    }
    return false;
}

/* The axes of an image's rows, columns and channels in a shape of rank 4. */
struct order {
    size_t channels, height, width;
};

static const struct order nchw = {1, 2, 3}, nhwc = {3, 1, 2};

static const struct order *find_order(const struct onnx_reader *reader,
                                      const char *name, const int64_t dims[4])
{
    bool is_last =
        dims[1] != 3 && (dims[3] == 3 || (dims[3] == 1 && dims[1] != 1));

    if (dims[1] <= 0 && dims[3] <= 0)
        is_last = becomes_nchw(reader->model->graph, name);
    return is_last ? &nhwc : &nchw;
}

/* Records an input's type and reads its dimensions; open ones are 0. */
static bool read_type(struct onnx_reader *reader, struct graph_value *value,
                      const onnx_value_info_proto *info, int64_t dims[4])
{
    const Onnx__TypeProto__Tensor *type =
        info->type ? info->type->tensor_type : NULL;
    const struct onnx_element *element;
    char text[ONNX_ELEMENT_NAME];

    if (!type || !type->shape || type->shape->n_dim != 4)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "it has %zu dimensions; an image input has 4: batch, "
                    "channels, height, width",
                    type && type->shape ? type->shape->n_dim : 0);
    element = onnx_element_of(type->elem_type);
    if (!element ||
        (element->type != GRAPH_FLOAT && type->elem_type != ONNX_UINT8))
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "it has type %s; image inputs of type float and uint8 are "
                    "supported",
                    onnx_element_name(text, type->elem_type));
    value->element = type->elem_type;
    reader->graph->takes_bytes = type->elem_type == ONNX_UINT8;
    for (size_t i = 0; i < 4; i++)
        if (type->shape->dim[i]->has_dim_value)
            dims[i] = type->shape->dim[i]->dim_value;
    return true;
}

static bool check_dims(const int64_t dims[4], const struct order *order,
                       const struct onnx_input *size, struct error *err)
{
    if (dims[0] != 1)
        return fail(err, ERROR_UNSUPPORTED,
                    "it takes a batch of %lld images; export the network with "
                    "a batch size of 1 or a dynamic one",
                    (long long)dims[0]);
    if (dims[order->channels] != 3 && dims[order->channels] != 1)
        return fail(err, ERROR_UNSUPPORTED,
                    "its shape is %lld x %lld x %lld x %lld; only images with "
                    "3 channels or 1, as 1 x 3 x height x width, are supported",
                    (long long)dims[0], (long long)dims[1], (long long)dims[2],
                    (long long)dims[3]);
    if (dims[order->height] <= 0 || dims[order->width] <= 0)
        return fail(err, ERROR_INPUT,
                    "its height and width are dynamic; set them with %s",
                    size->by_options ? "--width and --height"
                                     : "input.width and input.height in "
                                       "model.json, or with --input-size");
    if ((size->height > 0 && dims[order->height] != (int64_t)size->height) ||
        (size->width > 0 && dims[order->width] != (int64_t)size->width))
        return fail(err, ERROR_INPUT,
                    "its shape is %lld x %lld x %lld x %lld, not %zu x %zu "
                    "(height x width) as configured",
                    (long long)dims[0], (long long)dims[1], (long long)dims[2],
                    (long long)dims[3], size->height, size->width);
    return true;
}

/* Sets the input's shape from the file, or from `size` where the file leaves it
 * open. */
static bool read_input_shape(struct onnx_reader *reader,
                             struct graph_value *value,
                             const onnx_value_info_proto *info,
                             const struct onnx_input *size)
{
    const struct order *order;
    int64_t dims[4] = {0};

    if (!read_type(reader, value, info, dims))
        return false;
    order = find_order(reader, info->name, dims);
    if (dims[order->channels] <= 0)
        dims[order->channels] = 3;
    if (dims[0] <= 0)
        dims[0] = 1;
    set_side(&dims[order->height], size->height, size->override);
    set_side(&dims[order->width], size->width, size->override);
    if (!check_dims(dims, order, size, reader->err))
        return false;
    value->shape = (struct graph_shape){
        .rank = 4,
        .dim = {(size_t)dims[0], (size_t)dims[1], (size_t)dims[2],
                (size_t)dims[3]},
    };
    value->has_shape = true;
    return graph_shape_check(&value->shape, reader->err);
}

/* Adds an image input. */
static bool read_picture(struct onnx_reader *reader,
                         const onnx_value_info_proto *info)
{
    struct graph *graph = reader->graph;
    int number;

    if (graph->num_inputs > 0)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "networks with more than one input are not supported");
    number = onnx_define(reader, info->name, GRAPH_FLOAT);
    return number != GRAPH_NONE &&
           graph_add_input(graph, number, reader->err) &&
           read_input_shape(reader, &graph->values[number], info,
                            reader->picture);
}

/* Finds the binding of that name, or else the next without a name, or NULL. */
static const struct onnx_binding *find_binding(struct onnx_reader *reader,
                                               const char *name)
{
    for (size_t i = 0; i < reader->num_bindings; i++)
        if (reader->bindings[i].name &&
            strcmp(reader->bindings[i].name, name) == 0)
            return &reader->bindings[i];
    while (reader->next_unnamed < reader->num_bindings) {
        size_t i = reader->next_unnamed++;

        if (!reader->bindings[i].name)
            return &reader->bindings[i];
    }
    return NULL;
}

/* Adds an input that is bound to a tensor. */
static bool read_bound(struct onnx_reader *reader,
                       const onnx_value_info_proto *info)
{
    const struct onnx_binding *bound = find_binding(reader, info->name);
    struct graph_value *value;
    size_t size;
    int number;

    if (!bound)
        return fail(reader->err, ERROR_INPUT, "no array is given for it");
    reader->num_bound++;
    number = onnx_define(reader, info->name, bound->type);
    if (number == GRAPH_NONE)
        return false;
    value = &reader->graph->values[number];
    value->shape = bound->shape;
    value->has_shape = true;
    if (info->type && info->type->tensor_type)
        value->element = info->type->tensor_type->elem_type;
    if (!bound->data)
        return graph_shape_check(&value->shape, reader->err) &&
               graph_add_input(reader->graph, number, reader->err);
    size = bound->type == GRAPH_INT ? sizeof(int64_t) : sizeof(float);
    if (!graph_make_constant(value, reader->err))
        return false;
    if (graph_shape_count(&value->shape) > 0)
        memcpy(value->data, bound->data,
               graph_shape_count(&value->shape) * size);
    return true;
}

/* Continues after an input that cannot be used, like leave_out. */
static bool leave_input_out(struct onnx_reader *reader, const char *name)
{
    if (!reader->graph->problems)
        return error_prefix(reader->err, "the input \"%.100s\"", name);
    return graph_forgive(reader->graph, name, "", reader->err) &&
           (onnx_value_of(reader, name) != GRAPH_NONE ||
            onnx_define(reader, name, GRAPH_FLOAT) != GRAPH_NONE);
}

/* Whether the outputs need the input. */
static bool is_needed(const struct onnx_reader *reader, const char *name)
{
    return onnx_names_find(&reader->names, name)->is_needed;
}

/* Whether the outputs need any input. */
static bool is_any_needed(const struct onnx_reader *reader,
                          const onnx_graph_proto *proto)
{
    for (size_t i = 0; i < proto->n_input; i++)
        if (proto->input[i]->name &&
            onnx_value_of(reader, proto->input[i]->name) == GRAPH_NONE &&
            is_needed(reader, proto->input[i]->name))
            return true;
    return false;
}

bool onnx_read_inputs(struct onnx_reader *reader, const onnx_graph_proto *proto)
{
    const struct graph *graph = reader->graph;
    bool some = reader->picture && is_any_needed(reader, proto);

    for (size_t i = 0; i < proto->n_input; i++) {
        const onnx_value_info_proto *info = proto->input[i];

        if (!info->name)
            return fail(reader->err, ERROR_INPUT,
                        "the network has an input without a name");
        if (onnx_value_of(reader, info->name) != GRAPH_NONE ||
            (some && !is_needed(reader, info->name)))
            continue;
        if (!(reader->picture ? read_picture(reader, info)
                              : read_bound(reader, info)) &&
            !leave_input_out(reader, info->name))
            return false;
    }
    if (reader->picture && graph->num_inputs == 0 &&
        !(graph->problems && graph->problems->count > 0))
        return fail(reader->err, ERROR_INPUT, "the network has no input");
    if (reader->num_bound < reader->num_bindings)
        return fail(reader->err, ERROR_INPUT,
                    "%zu inputs are given, but only %zu of them are inputs of "
                    "the network",
                    reader->num_bindings, reader->num_bound);
    return true;
}
