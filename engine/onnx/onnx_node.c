#include "engine/onnx/onnx_reader.h"

#include <string.h>

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

/* An image of integers is computed with as floats. That gives the same result
 * after the node that converts it to floats; before it, the image may only be
 * moved. */
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
        node->inputs[i] = onnx_value_of(reader, name);
        if (node->inputs[i] == GRAPH_NONE)
            return fail(
                reader->err, ERROR_INPUT,
                "its input \"%.100s\" is not the output of any earlier node",
                name);
        if (!onnx_check_operand(reader, node->inputs[i]))
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
        node->outputs[i] = onnx_define(reader, reader->node->output[i], type);
        if (node->outputs[i] == GRAPH_NONE)
            return false;
    }
    return follow_bytes(reader, node);
}

/* ONNX's own operators, and those for quantized numbers in ONNX Runtime's
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

    /* Trailing operands that are empty are dropped. */
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

/* Continues after a node that cannot be read, if the graph lists problems; the
 * node's outputs then have no shape. */
static bool leave_out(struct onnx_reader *reader, size_t num_nodes,
                      const char *name)
{
    const onnx_node_proto *node = reader->node;

    if (!graph_forgive(reader->graph, name, node->op_type, reader->err))
        return false;
    reader->graph->num_nodes = num_nodes;
    for (size_t i = 0; i < node->n_output; i++)
        if (*node->output[i] &&
            onnx_value_of(reader, node->output[i]) == GRAPH_NONE &&
            onnx_define(reader, node->output[i], GRAPH_FLOAT) == GRAPH_NONE)
            return false;
    return true;
}

bool onnx_read_node(struct onnx_reader *reader, const onnx_node_proto *proto)
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
        ok = onnx_read_constant(reader);
    else
        ok = read_operator(reader, name);
    return ok || leave_out(reader, num_nodes, name);
}
