/* Changes ONNX files for fuzz_onnx as someone would who knows the format:
 * what comes out can mostly be read, so that what follows reading is reached.
 * libFuzzer's own changes of bytes have their share too. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/onnx/onnx_reader.h"
#include "onnx.pb-c.h"

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t len, size_t max_len);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t max_len,
                               unsigned seed);

static uint32_t state; /* of the random numbers; xorshift, Marsaglia 2003 */

static size_t below(size_t count)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return count ? state % count : 0;
}

/* Memory that is given back as a whole: parts of the tree may be shared. */
struct block {
    struct block *next;
};
static struct block *blocks;

static void *take(size_t size)
{
    struct block *block = calloc(1, sizeof *block + 8 + size);

    if (!block)
        abort();
    block->next = blocks;
    blocks = block;
    return (char *)block + 16;
}

static void *take_for_tree(void *arg, size_t size)
{
    (void)arg;
    return take(size);
}

static void keep(void *arg, void *memory)
{
    (void)arg;
    (void)memory;
}

static void give_back(void)
{
    while (blocks) {
        struct block *next = blocks->next;

        free(blocks);
        blocks = next;
    }
}

static int64_t interesting(void)
{
    static const int64_t numbers[] = {
        0,     1,       -1,      2,          3,          4,
        5,     6,       7,       8,          16,         255,
        65536, 1 << 20, 1 << 28, INT32_MAX,  INT32_MIN,  (int64_t)1 << 32,
        -2,    -3,      -4,      INT64_MAX,  INT64_MIN,  INT64_MAX - 1,
        1000,  32,      24,      1000000007, UINT32_MAX, (int64_t)1 << 62};

    return numbers[below(sizeof numbers / sizeof numbers[0])];
}

static float interesting_float(void)
{
    static const float numbers[] = {0,       1,    -1,        0.5f, 6,
                                    1e30f,   -2,   INFINITY,  NAN,  1e-30f,
                                    1000000, 1.5f, -INFINITY, 2,    3};

    return numbers[below(sizeof numbers / sizeof numbers[0])];
}

/* Changes a list of numbers: an element, its length, two of its elements. */
static void change_numbers(int64_t **numbers, size_t *count)
{
    int64_t *copy = take((*count + 1) * sizeof *copy);

    if (*count > 0)
        memcpy(copy, *numbers, *count * sizeof *copy);
    *numbers = copy;
    switch (below(5)) {
    case 0:
        copy[(*count)++] = interesting();
        break;
    case 1:
        *count -= *count > 0;
        break;
    case 2:
        if (*count > 0) {
            size_t i = below(*count);

            copy[i] =
                (int64_t)((uint64_t)copy[i] + (below(2) ? 1 : UINT64_MAX));
        }
        break;
    default:
        if (*count > 0)
            copy[below(*count)] = interesting();
    }
}

/* The name of any value. */
static char *any_value(const Onnx__GraphProto *graph)
{
    const Onnx__NodeProto *node;

    if (graph->n_initializer > 0 && below(3) == 0)
        return graph->initializer[below(graph->n_initializer)]->name;
    if (graph->n_input > 0 && below(4) == 0)
        return graph->input[below(graph->n_input)]->name;
    if (graph->n_node == 0)
        return NULL;
    node = graph->node[below(graph->n_node)];
    return node->n_output > 0 ? node->output[below(node->n_output)] : NULL;
}

static void rewire(Onnx__GraphProto *graph, Onnx__NodeProto *node)
{
    char **inputs = take((node->n_input + 1) * sizeof *inputs);
    char *value = any_value(graph);
    static char none[] = "";

    if (node->n_input > 0)
        memcpy(inputs, node->input, node->n_input * sizeof *inputs);
    node->input = inputs;
    if (!value || below(8) == 0)
        value = none;
    switch (below(6)) {
    case 0:
        inputs[node->n_input++] = value;
        break;
    case 1:
        node->n_input -= node->n_input > 0;
        break;
    default:
        if (node->n_input > 0)
            inputs[below(node->n_input)] = value;
    }
}

/* Puts a node's twin before or behind it: one of the two feeds the other. */
static void double_node(Onnx__GraphProto *graph, size_t i)
{
    Onnx__NodeProto **nodes = take((graph->n_node + 1) * sizeof *nodes);
    Onnx__NodeProto *twin = take(sizeof *twin);
    char *name = take(24);

    *twin = *graph->node[i];
    if (twin->n_output == 0 || twin->n_input == 0)
        return;
    snprintf(name, 24, "twin%zu", below(1000000));
    twin->output = take(sizeof(char *));
    twin->output[0] = name;
    twin->n_output = 1;
    memcpy(nodes, graph->node, i * sizeof *nodes);
    nodes[i] = twin;
    memcpy(nodes + i + 1, graph->node + i, (graph->n_node - i) * sizeof *nodes);
    graph->node = nodes;
    graph->n_node++;
    nodes[i + 1]->input = take(nodes[i + 1]->n_input * sizeof(char *));
    memcpy(nodes[i + 1]->input, twin->input, twin->n_input * sizeof(char *));
    nodes[i + 1]->input[below(nodes[i + 1]->n_input)] = name;
}

static void change_attribute(const Onnx__GraphProto *graph,
                             Onnx__NodeProto *node)
{
    const Onnx__NodeProto *other = graph->node[below(graph->n_node)];
    Onnx__AttributeProto **list, *attribute;

    if (below(4) == 0 && other->n_attribute > 0) { /* takes another node's */
        list = take((node->n_attribute + 1) * sizeof *list);
        if (node->n_attribute > 0)
            memcpy(list, node->attribute, node->n_attribute * sizeof *list);
        list[node->n_attribute++] = other->attribute[below(other->n_attribute)];
        node->attribute = list;
        return;
    }
    if (node->n_attribute == 0)
        return;
    if (below(8) == 0) {
        node->n_attribute--;
        return;
    }
    attribute = take(sizeof *attribute);
    list = node->attribute;
    memcpy(attribute, list[below(node->n_attribute)], sizeof *attribute);
    list[below(node->n_attribute)] = attribute;
    if (attribute->n_ints > 0)
        change_numbers(&attribute->ints, &attribute->n_ints);
    else if (attribute->has_i)
        attribute->i = interesting();
    else if (attribute->has_f)
        attribute->f = interesting_float();
    else if (attribute->n_floats > 0)
        attribute->floats[below(attribute->n_floats)] = interesting_float();
    if (below(16) == 0)
        attribute->type = (int32_t)below(16);
}

static void change_tensor(Onnx__TensorProto *tensor)
{
    int64_t number = interesting();

    switch (below(4)) {
    case 0:
        change_numbers(&tensor->dims, &tensor->n_dims);
        break;
    case 1:
        tensor->data_type = (int32_t)below(18);
        break;
    case 2:
        if (tensor->raw_data.len >= 8)
            memcpy(tensor->raw_data.data + 8 * below(tensor->raw_data.len / 8),
                   &number, 8);
        else
            tensor->raw_data.len = 0;
        break;
    default:
        if (tensor->n_int64_data > 0)
            change_numbers(&tensor->int64_data, &tensor->n_int64_data);
        else if (tensor->n_float_data > 0)
            tensor->float_data[below(tensor->n_float_data)] =
                interesting_float();
    }
}

static void change_input(Onnx__GraphProto *graph)
{
    Onnx__ValueInfoProto *input;
    Onnx__TensorShapeProto *shape;
    Onnx__TensorShapeProto__Dimension *dim;

    if (graph->n_input == 0)
        return;
    input = graph->input[below(graph->n_input)];
    if (!input->type || !input->type->tensor_type ||
        !input->type->tensor_type->shape)
        return;
    shape = input->type->tensor_type->shape;
    if (below(8) == 0)
        shape->n_dim -= shape->n_dim > 0;
    if (shape->n_dim == 0)
        return;
    dim = shape->dim[below(shape->n_dim)];
    dim->has_dim_value = below(4) > 0;
    dim->dim_value = interesting();
}

static char *any_operator(void)
{
    static const struct onnx_operator *const families[] = {
        onnx_ops_math, onnx_ops_function, onnx_ops_window, onnx_ops_move};
    const struct onnx_operator *rows =
        families[below(sizeof families / sizeof families[0])];
    size_t count = 0;

    while (rows[count].name)
        count++;
    rows += below(count);
    return strcpy(take(strlen(rows->name) + 1), rows->name);
}

static void change(Onnx__ModelProto *model)
{
    Onnx__GraphProto *graph = model->graph;
    Onnx__NodeProto *node;
    size_t i, j;

    if (graph->n_node == 0)
        return;
    i = below(graph->n_node);
    j = below(graph->n_node);
    node = graph->node[i];
    switch (below(12)) {
    case 0:
        node->op_type = any_operator();
        break;
    case 1:
    case 2:
        rewire(graph, node);
        break;
    case 3:
        graph->node[i] = graph->node[j];
        graph->node[j] = node;
        break;
    case 4:
        memmove(graph->node + i, graph->node + i + 1,
                (graph->n_node - i - 1) * sizeof(void *));
        graph->n_node--;
        break;
    case 5:
        double_node(graph, i);
        break;
    case 6:
        if (model->n_opset_import > 0)
            model->opset_import[0]->version = (int64_t)below(25);
        break;
    case 7:
        change_input(graph);
        break;
    case 8:
    case 9:
        if (graph->n_initializer > 0)
            change_tensor(graph->initializer[below(graph->n_initializer)]);
        break;
    default:
        change_attribute(graph, node);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t max_len,
                               unsigned seed)
{
    ProtobufCAllocator allocator = {take_for_tree, keep, NULL};
    Onnx__ModelProto *model;
    size_t size;

    state = seed | 1;
    if (below(5) == 0)
        return LLVMFuzzerMutate(bytes, len, max_len);
    model = onnx__model_proto__unpack(&allocator, len, bytes);
    if (!model || !model->graph) {
        give_back();
        return LLVMFuzzerMutate(bytes, len, max_len);
    }
    for (size_t n = 1 + below(4); n > 0; n--)
        change(model);
    size = onnx__model_proto__get_packed_size(model);
    if (size <= max_len)
        len = onnx__model_proto__pack(model, bytes);
    give_back();
    return len;
}
