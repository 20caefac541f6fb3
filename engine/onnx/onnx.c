#include "engine/onnx/onnx.h"

#include <stdlib.h>
#include <string.h>

#include "engine/onnx/onnx_reader.h"

enum {
    MIN_OPSET = 7,
    MAX_OPSET = 28,
    MAX_NODES = 20000,
    MAX_VALUES = 200000,
};

/* ---- names ---- */

static size_t hash(const char *name)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */

    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static int *slot_of(const struct onnx_reader *reader, const char *name)
{
    size_t i = hash(name) & (reader->num_slots - 1);

    while (reader->slots[i] != GRAPH_NONE &&
           strcmp(reader->graph->values[reader->slots[i]].name, name) != 0)
        i = (i + 1) & (reader->num_slots - 1);
    return &reader->slots[i];
}

static bool init_slots(struct onnx_reader *reader,
                       const onnx_graph_proto *proto)
{
    size_t wanted = proto->n_input + proto->n_initializer;

    for (size_t i = 0; i < proto->n_node; i++)
        wanted += proto->node[i]->n_output;
    if (proto->n_node > MAX_NODES || wanted > MAX_VALUES)
        return fail(reader->err, ERROR_LIMIT,
                    "the network has %zu nodes and %zu values; at most %d and "
                    "%d are allowed",
                    proto->n_node, wanted, MAX_NODES, MAX_VALUES);
    reader->num_slots = 64;
    while (reader->num_slots < 2 * wanted + 2)
        reader->num_slots *= 2;
    reader->slots = malloc(reader->num_slots * sizeof *reader->slots);
    if (!reader->slots)
        return fail(reader->err, ERROR_MEMORY,
                    "not enough memory for %zu names", wanted);
    for (size_t i = 0; i < reader->num_slots; i++)
        reader->slots[i] = GRAPH_NONE;
    return true;
}

/* Adds a value under a name that must be new. */
static int define(struct onnx_reader *reader, const char *name,
                  enum graph_type type)
{
    int value, *slot;

    if (*slot_of(reader, name) != GRAPH_NONE) {
        fail(reader->err, ERROR_INPUT, "two values are named \"%.100s\"", name);
        return GRAPH_NONE;
    }
    value = graph_add_value(reader->graph, name, type, reader->err);
    slot = slot_of(reader, name);
    if (value != GRAPH_NONE)
        *slot = value;
    return value;
}

int onnx_define_output(struct onnx_reader *reader, size_t i,
                       enum graph_type type)
{
    return define(reader, reader->node->output[i], type);
}

/* ---- tensors ---- */

static bool read_tensor(struct onnx_reader *reader, int number,
                        onnx_tensor_proto *tensor)
{
    struct graph_value *value = &reader->graph->values[number];
    bool external = tensor->data_location != 0 || tensor->n_external_data > 0;

    if (tensor->n_dims > GRAPH_MAX_RANK)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "it has %zu dimensions; at most %d are supported",
                    tensor->n_dims, GRAPH_MAX_RANK);
    value->shape.rank = (uint32_t)tensor->n_dims;
    for (size_t i = 0; i < tensor->n_dims; i++) {
        if (tensor->dims[i] < 0)
            return fail(reader->err, ERROR_INPUT,
                        "dimension %zu is negative: %lld", i,
                        (long long)tensor->dims[i]);
        value->shape.dim[i] = (size_t)tensor->dims[i];
    }
    value->has_shape = true;
    return graph_shape_check(&value->shape, reader->err) &&
           (!external ||
            onnx_external_read(
                reader, tensor,
                onnx_bytes_of(tensor->data_type,
                              graph_shape_count(&value->shape)))) &&
           onnx_fill_constant(value, tensor, reader->err);
}

static bool define_tensor(struct onnx_reader *reader, const char *name,
                          onnx_tensor_proto *tensor)
{
    const struct onnx_element *element = onnx_element_of(tensor->data_type);
    char text[ONNX_ELEMENT_NAME];
    int number;

    if (!element)
        return fail(
            reader->err, ERROR_UNSUPPORTED,
            "the constant \"%.100s\" has type %s, which is not supported", name,
            onnx_element_name(text, tensor->data_type));
    number = define(reader, name, element->type);
    if (number == GRAPH_NONE)
        return false;
    reader->graph->values[number].element = tensor->data_type;
    if (!read_tensor(reader, number, tensor))
        return error_prefix(reader->err, "the constant \"%.100s\"", name);
    /* The parser's copy is not needed any more. */
    free(tensor->raw_data.data);
    tensor->raw_data = (ProtobufCBinaryData){0};
    return true;
}

/* A constant of the file. One of a type that is not read gets no elements:
 * whatever takes it is refused. */
static bool define_initializer(struct onnx_reader *reader,
                               onnx_tensor_proto *tensor)
{
    const char *name = tensor->name ? tensor->name : "";
    int number;

    if (onnx_element_of(tensor->data_type))
        return define_tensor(reader, name, tensor);
    number = define(reader, name, GRAPH_FLOAT);
    if (number == GRAPH_NONE)
        return false;
    reader->graph->values[number].element = tensor->data_type;
    return true;
}

/* Whether an operand has elements, or will have. */
static bool check_operand(const struct onnx_reader *reader, int number)
{
    const struct graph_value *value = &reader->graph->values[number];
    char text[ONNX_ELEMENT_NAME];

    if (value->element == 0 || value->data || onnx_element_of(value->element))
        return true;
    return fail(reader->err, ERROR_UNSUPPORTED,
                "the constant \"%.100s\" has type %s, which is not supported",
                value->name, onnx_element_name(text, value->element));
}

/* ---- nodes ---- */

static bool is_word_of(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = words; (at = strstr(at, word)) && len > 0; at += len)
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
            return true;
    return false;
}

static bool check_attributes(const struct onnx_reader *reader,
                             const struct onnx_operator *row)
{
    for (size_t i = 0; i < reader->node->n_attribute; i++) {
        const onnx_attribute_proto *found = reader->node->attribute[i];

        if (!found->name || !is_word_of(row->attributes, found->name))
            return fail(reader->err, ERROR_UNSUPPORTED,
                        "attribute \"%.60s\" is not supported",
                        found->name ? found->name : "");
    }
    return true;
}

/* Constant nodes become constants, not nodes. */
static bool read_constant(struct onnx_reader *reader)
{
    const onnx_attribute_proto *tensor = onnx_attribute(reader, "value");
    const onnx_attribute_proto *single;
    struct graph_value *value;
    bool is_int;
    int number;

    if (reader->node->n_output != 1)
        return fail(reader->err, ERROR_INPUT,
                    "a Constant must have one output");
    if (tensor && tensor->t)
        return define_tensor(reader, reader->node->output[0], tensor->t);
    is_int = onnx_attribute(reader, "value_int") ||
             onnx_attribute(reader, "value_ints");
    single = onnx_attribute(reader, is_int ? "value_int" : "value_float");
    tensor = onnx_attribute(reader, is_int ? "value_ints" : "value_floats");
    if (!single && !tensor)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "its value has an unsupported type");
    number = define(reader, reader->node->output[0],
                    is_int ? GRAPH_INT : GRAPH_FLOAT);
    if (number == GRAPH_NONE)
        return false;
    value = &reader->graph->values[number];
    value->has_shape = true;
    if (tensor)
        value->shape = (struct graph_shape){
            .rank = 1, .dim = {is_int ? tensor->n_ints : tensor->n_floats}};
    if (!graph_make_constant(value, reader->err))
        return false;
    if (single && is_int)
        *(int64_t *)value->data = single->i;
    else if (single)
        *(float *)value->data = single->f;
    else if (is_int && tensor->n_ints > 0)
        memcpy(value->data, tensor->ints, tensor->n_ints * sizeof(int64_t));
    else if (!is_int && tensor->n_floats > 0)
        memcpy(value->data, tensor->floats, tensor->n_floats * sizeof(float));
    return true;
}

/* A picture that comes as integers is computed with as floats, which is the
 * same from where the file makes floats of it; before that it is only handed
 * on. */
static bool follow_bytes(struct onnx_reader *reader, struct graph_node *node)
{
    struct graph_value *values = reader->graph->values;
    bool is_bytes = false;

    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_value *value = graph_input(reader->graph, node, i);

        is_bytes |=
            value && value->type == GRAPH_FLOAT && value->element == ONNX_UINT8;
    }
    if (!is_bytes || node->op == GRAPH_CAST || node->op == GRAPH_DEQUANTIZE ||
        node->op == GRAPH_SHAPE)
        return true;
    if (!graph_op_has(node->op, GRAPH_HANDS_ON))
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "it computes with integers from the image; a Cast to float "
                    "must come first");
    values[node->outputs[0]].element = ONNX_UINT8;
    return true;
}

static bool read_operands(struct onnx_reader *reader, struct graph_node *node,
                          const struct onnx_operator *row)
{
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const char *name = reader->node->input[i];

        if (!*name && (i < row->min_inputs || row->max_inputs == UINT32_MAX))
            return fail(reader->err, ERROR_INPUT, "its input %u is missing", i);
        if (!*name)
            continue;
        node->inputs[i] = *slot_of(reader, name);
        if (node->inputs[i] == GRAPH_NONE)
            return fail(
                reader->err, ERROR_INPUT,
                "its input \"%.100s\" is not the output of any earlier node",
                name);
        if (!check_operand(reader, node->inputs[i]))
            return false;
    }
    for (uint32_t i = 0; i < node->num_outputs; i++) {
        enum graph_type type = GRAPH_FLOAT;

        if (!*reader->node->output[i])
            continue;
        if (node->op == GRAPH_SHAPE)
            type = GRAPH_INT;
        else if (node->num_inputs > 0 && node->inputs[0] != GRAPH_NONE)
            type = reader->graph->values[node->inputs[0]].type;
        node->outputs[i] = define(reader, reader->node->output[i], type);
        if (node->outputs[i] == GRAPH_NONE)
            return false;
    }
    return follow_bytes(reader, node);
}

/* ONNX's own operators, and those on quantized numbers of ONNX Runtime's
 * domain. */
static bool is_known_domain(const char *domain, const char *onnx_op)
{
    if (onnx_is_plain_domain(domain))
        return true;
    for (const struct onnx_operator *row = onnx_ops_quant; row->name; row++)
        if (strcmp(onnx_op, row->name) == 0)
            return strcmp(domain, "com.microsoft") == 0;
    return false;
}

bool onnx_is_plain_domain(const char *domain)
{
    return !domain || !*domain || strcmp(domain, "ai.onnx") == 0;
}

static bool read_operator(struct onnx_reader *reader, const char *name)
{
    const char *onnx_op = reader->node->op_type;
    const struct onnx_operator *row = onnx_ops_find(onnx_op);
    size_t num_inputs = reader->node->n_input;
    struct graph_node *node;

    /* Trailing operands that are left out are as good as not there. */
    while (num_inputs > 0 && !*reader->node->input[num_inputs - 1])
        num_inputs--;
    if (!is_known_domain(reader->node->domain, onnx_op))
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "operator domain \"%.60s\" is not supported",
                    reader->node->domain);
    if (!row)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "operator %.60s is not supported", onnx_op);
    if (num_inputs < row->min_inputs || num_inputs > row->max_inputs ||
        reader->node->n_output < 1 || !*reader->node->output[0])
        return fail(reader->err, ERROR_INPUT,
                    "the operator cannot have %zu inputs and %zu outputs",
                    num_inputs, reader->node->n_output);
    if (!check_attributes(reader, row))
        return false;
    node = graph_add_node(reader->graph, row->op, name, row->name,
                          (uint32_t)num_inputs, 1, reader->err);
    reader->mistyped = NULL;
    if (!node || !read_operands(reader, node, row) ||
        !row->convert(reader, node))
        return false;
    if (reader->mistyped)
        return fail(reader->err, ERROR_INPUT, "attribute %s has the wrong type",
                    reader->mistyped);
    return true;
}

/* Goes on after a node that cannot be read, if the graph lists problems: what
 * the node makes stays without a shape. */
static bool leave_out(struct onnx_reader *reader, size_t num_nodes,
                      const char *name)
{
    const onnx_node_proto *node = reader->node;

    if (!graph_forgive(reader->graph, name, node->op_type, reader->err))
        return false;
    reader->graph->num_nodes = num_nodes;
    for (size_t i = 0; i < node->n_output; i++)
        if (*node->output[i] &&
            *slot_of(reader, node->output[i]) == GRAPH_NONE &&
            define(reader, node->output[i], GRAPH_FLOAT) == GRAPH_NONE)
            return false;
    return true;
}

static bool read_node(struct onnx_reader *reader, const onnx_node_proto *proto)
{
    const char *name = proto->name && *proto->name ? proto->name
                       : proto->n_output > 0       ? proto->output[0]
                                                   : "";
    size_t num_nodes = reader->graph->num_nodes;
    bool ok;

    reader->node = proto;
    if (!proto->op_type)
        return fail(reader->err, ERROR_INPUT, "a node has no operator");
    if (strcmp(proto->op_type, "Constant") == 0)
        ok = read_constant(reader);
    else
        ok = read_operator(reader, name);
    return ok || leave_out(reader, num_nodes, name);
}

/* ---- inputs and outputs ---- */

/* Sets a dimension that the file leaves open, or that is to be another. */
static void set_side(int64_t *dim, size_t side, bool override)
{
    if (side > 0 && (*dim <= 0 || override))
        *dim = (int64_t)side;
}

/* Whether the file makes NCHW of a value of the given name, maybe after a Cast:
 * where no dimension says which are the channels, they are the last then. */
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

/* Sets the input's shape from the file, or from `size` where it is open. */
static bool read_input_shape(struct onnx_reader *reader,
                             struct graph_value *value,
                             const onnx_value_info_proto *info,
                             const struct onnx_input *size)
{
    const Onnx__TypeProto__Tensor *type =
        info->type ? info->type->tensor_type : NULL;
    const struct onnx_element *element;
    char text[ONNX_ELEMENT_NAME];
    int64_t dims[4] = {0}; /* 0: open */
    bool nhwc;

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
    nhwc = dims[1] != 3 && (dims[3] == 3 || (dims[3] == 1 && dims[1] != 1));
    if (dims[1] <= 0 && dims[3] <= 0)
        nhwc = becomes_nchw(reader->model->graph, info->name);
    if (dims[nhwc ? 3 : 1] <= 0)
        dims[nhwc ? 3 : 1] = 3;
    if (dims[0] <= 0)
        dims[0] = 1;
    set_side(&dims[nhwc ? 1 : 2], size->height, size->override);
    set_side(&dims[nhwc ? 2 : 3], size->width, size->override);
    if (dims[0] != 1)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "it takes a batch of %lld images; export the network with "
                    "a batch size of 1 or a dynamic one",
                    (long long)dims[0]);
    if (dims[nhwc ? 3 : 1] != 3 && dims[nhwc ? 3 : 1] != 1)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "its shape is %lld x %lld x %lld x %lld; only images with "
                    "3 channels or 1, as 1 x 3 x height x width, are supported",
                    (long long)dims[0], (long long)dims[1], (long long)dims[2],
                    (long long)dims[3]);
    if (dims[nhwc ? 1 : 2] <= 0 || dims[nhwc ? 2 : 3] <= 0)
        return fail(reader->err, ERROR_INPUT,
                    "its height and width are dynamic; set them with %s",
                    size->by_options ? "--width and --height"
                                     : "input.width and input.height in "
                                       "model.json, or with --input-size");
    if ((size->height > 0 && dims[nhwc ? 1 : 2] != (int64_t)size->height) ||
        (size->width > 0 && dims[nhwc ? 2 : 3] != (int64_t)size->width))
        return fail(reader->err, ERROR_INPUT,
                    "its shape is %lld x %lld x %lld x %lld, not %zu x %zu "
                    "(height x width) as configured",
                    (long long)dims[0], (long long)dims[1], (long long)dims[2],
                    (long long)dims[3], size->height, size->width);
    value->shape = (struct graph_shape){
        .rank = 4,
        .dim = {(size_t)dims[0], (size_t)dims[1], (size_t)dims[2],
                (size_t)dims[3]},
    };
    value->has_shape = true;
    return graph_shape_check(&value->shape, reader->err);
}

/* An input that takes a picture. */
static bool read_picture(struct onnx_reader *reader,
                         const onnx_value_info_proto *info)
{
    struct graph *graph = reader->graph;
    int number;

    if (graph->num_inputs > 0)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "networks with more than one input are not supported");
    number = define(reader, info->name, GRAPH_FLOAT);
    return number != GRAPH_NONE &&
           graph_add_input(graph, number, reader->err) &&
           read_input_shape(reader, &graph->values[number], info,
                            reader->picture);
}

/* The binding of that name, or the next without one, or NULL. */
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

/* An input that is bound to a tensor. */
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
    number = define(reader, info->name, bound->type);
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

/* Goes on after an input that cannot be used, as leave_out does. */
static bool leave_input_out(struct onnx_reader *reader, const char *name)
{
    if (!reader->graph->problems)
        return error_prefix(reader->err, "the input \"%.100s\"", name);
    return graph_forgive(reader->graph, name, "", reader->err) &&
           (*slot_of(reader, name) != GRAPH_NONE ||
            define(reader, name, GRAPH_FLOAT) != GRAPH_NONE);
}

/* Whether the outputs need any input. */
static bool is_input_needed(const struct onnx_reader *reader,
                            const onnx_graph_proto *proto)
{
    for (size_t i = 0; i < proto->n_input; i++)
        if (proto->input[i]->name &&
            *slot_of(reader, proto->input[i]->name) == GRAPH_NONE &&
            onnx_needed_has(&reader->needed, proto->input[i]->name))
            return true;
    return false;
}

/* The inputs that are not initialisers; files of old exporters list those as
 * inputs too. */
static bool read_inputs(struct onnx_reader *reader,
                        const onnx_graph_proto *proto)
{
    const struct graph *graph = reader->graph;
    bool some = reader->picture && is_input_needed(reader, proto);

    for (size_t i = 0; i < proto->n_input; i++) {
        const onnx_value_info_proto *info = proto->input[i];

        if (!info->name)
            return fail(reader->err, ERROR_INPUT,
                        "the network has an input without a name");
        if (*slot_of(reader, info->name) != GRAPH_NONE ||
            (some && !onnx_needed_has(&reader->needed, info->name)))
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

static bool read_outputs(struct onnx_reader *reader,
                         const onnx_graph_proto *proto)
{
    const struct onnx_needed *needed = &reader->needed;
    struct graph *graph = reader->graph;

    if (proto->n_output < 1 || proto->n_output > MAX_VALUES)
        return fail(reader->err, ERROR_INPUT,
                    "the network has %zu outputs, which is not supported",
                    proto->n_output);
    graph->outputs = malloc((needed->num_outputs + 1) * sizeof *graph->outputs);
    graph->output_names = arena_take(&graph->arena, needed->num_outputs + 1,
                                     sizeof *graph->output_names, reader->err);
    if (!graph->outputs || !graph->output_names)
        return fail(reader->err, ERROR_MEMORY,
                    "not enough memory for the outputs");
    for (size_t i = 0; i < needed->num_outputs; i++) {
        const char *name = needed->outputs[i].name;
        int value = *slot_of(reader, needed->outputs[i].value);

        if (value == GRAPH_NONE)
            return fail(reader->err, ERROR_INPUT,
                        "the output \"%.100s\" is not the output of any node",
                        name);
        if (!check_operand(reader, value))
            return false;
        graph->output_names[i] =
            arena_text(&graph->arena, name, strlen(name), reader->err);
        if (!graph->output_names[i])
            return false;
        graph->outputs[graph->num_outputs++] = value;
    }
    return graph->num_outputs > 0 ||
           fail(reader->err, ERROR_INPUT,
                "the network's outputs have no names");
}

static bool read_opset(struct onnx_reader *reader)
{
    for (size_t i = 0; i < reader->model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *import = reader->model->opset_import[i];

        if (!import->domain || !*import->domain ||
            strcmp(import->domain, "ai.onnx") == 0)
            reader->opset = import->version;
    }
    if (reader->opset < MIN_OPSET || reader->opset > MAX_OPSET)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "the file uses opset %lld; %d to %d are supported",
                    (long long)reader->opset, MIN_OPSET, MAX_OPSET);
    return true;
}

static bool read_graph(struct onnx_reader *reader,
                       const onnx_graph_proto *proto)
{
    const struct graph_problems *problems = reader->graph->problems;

    if (!init_slots(reader, proto) ||
        !onnx_needed_find(&reader->needed, proto,
                          reader->picture ? reader->picture->output : NULL,
                          !reader->picture, reader->err))
        return false;
    for (size_t i = 0; i < proto->n_initializer; i++) {
        onnx_tensor_proto *tensor = proto->initializer[i];

        if (!onnx_needed_has(&reader->needed, tensor->name ? tensor->name : ""))
            continue;
        if (!define_initializer(reader, tensor))
            return false;
    }
    if (!read_inputs(reader, proto))
        return false;
    for (size_t i = 0; i < proto->n_node; i++) {
        if (!reader->needed.nodes[i])
            reader->graph->num_left_out++;
        else if (!read_node(reader, proto->node[i]))
            return false;
    }
    if (read_outputs(reader, proto))
        return true;
    if (!problems || problems->count == 0 || reader->err->kind == ERROR_MEMORY)
        return false;
    *reader->err = (struct error){0}; /* the problems say why */
    return true;
}

static bool read_model(struct onnx_reader *reader, const uint8_t *bytes,
                       size_t len)
{
    onnx_model_proto *model = onnx__model_proto__unpack(NULL, len, bytes);
    bool ok = false;

    reader->model = model;
    if (!model || !model->graph)
        fail(reader->err, ERROR_INPUT, "not an ONNX model, or a truncated one");
    else
        ok = read_opset(reader) && read_graph(reader, model->graph);
    free(reader->slots);
    onnx_needed_release(&reader->needed);
    if (model)
        onnx__model_proto__free_unpacked(model, NULL);
    if (!ok)
        graph_release(reader->graph);
    return ok;
}

bool onnx_read(struct graph *graph, const uint8_t *bytes, size_t len,
               const struct onnx_input *input, struct error *err)
{
    struct onnx_reader reader = {
        .graph = graph, .folder = input->folder, .picture = input, .err = err};

    return read_model(&reader, bytes, len);
}

bool onnx_read_raw(struct graph *graph, const uint8_t *bytes, size_t len,
                   const struct onnx_binding *bindings, size_t num_bindings,
                   const char *folder, struct error *err)
{
    struct onnx_reader reader = {
        .graph = graph,
        .folder = folder,
        .bindings = bindings,
        .num_bindings = num_bindings,
        .err = err,
    };

    graph->raw = true;
    return read_model(&reader, bytes, len);
}
