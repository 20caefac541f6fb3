#include "engine/onnx/onnx_summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/onnx/onnx_reader.h"

enum {
    MAX_NODES = 20000,
    MAX_DIMS = 16,
    SHAPE_SIZE = 200,
    TEXT_SIZE = 100, /* of a name; longer ones are truncated */
};

/* Copies a string of the file, which may be missing and have any length. */
static const char *copy(struct onnx_summary *summary, const char *text,
                        struct error *err)
{
    return text ? arena_text(&summary->arena, text, strnlen(text, TEXT_SIZE),
                             err)
                : "";
}

static void describe_shape(char text[SHAPE_SIZE],
                           const Onnx__TypeProto__Tensor *type)
{
    size_t len = 0;

    text[0] = '\0';
    if (!type || !type->shape) {
        snprintf(text, SHAPE_SIZE, "unknown shape");
        return;
    }
    if (type->shape->n_dim == 0)
        snprintf(text, SHAPE_SIZE, "scalar");
    for (size_t i = 0; i < type->shape->n_dim && i < MAX_DIMS; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = type->shape->dim[i];
        const char *times = i > 0 ? " x " : "";
        int wrote;

        if (dim->has_dim_value)
            wrote = snprintf(text + len, SHAPE_SIZE - len, "%s%lld", times,
                             (long long)dim->dim_value);
        else
            wrote = snprintf(text + len, SHAPE_SIZE - len, "%s%.20s", times,
                             dim->dim_param && *dim->dim_param ? dim->dim_param
                                                               : "?");
        if (wrote < 0 || (size_t)wrote >= SHAPE_SIZE - len)
            return;
        len += (size_t)wrote;
    }
}

static bool read_value(struct onnx_summary *summary,
                       struct onnx_summary_value *value,
                       const onnx_value_info_proto *info, struct error *err)
{
    const Onnx__TypeProto__Tensor *type =
        info->type ? info->type->tensor_type : NULL;
    char shape[SHAPE_SIZE], text[ONNX_ELEMENT_NAME];
    const char *element =
        type ? onnx_element_name(text, type->elem_type) : "unknown type";

    describe_shape(shape, type);
    value->name = copy(summary, info->name, err);
    value->type = arena_text(&summary->arena, element, strlen(element), err);
    value->shape = arena_text(&summary->arena, shape, strlen(shape), err);
    return value->name && value->type && value->shape;
}

static int compare_names(const void *a, const void *b)
{
    const char *const *first = a, *const *second = b;

    return strcmp(*first, *second);
}

static int compare_ops(const void *a, const void *b)
{
    const struct onnx_summary_op *first = a, *second = b;

    return strcmp(first->name, second->name);
}

/* Whether one of the sorted names is `name`. */
static bool has_name(const char *const *names, size_t count, const char *name)
{
    return count > 0 &&
           bsearch(&name, names, count, sizeof *names, compare_names) != NULL;
}

static bool read_values(struct onnx_summary *summary,
                        const onnx_graph_proto *graph, struct error *err)
{
    size_t num_weights = graph->n_initializer;
    const char **names =
        arena_take(&summary->arena, num_weights, sizeof *names, err);

    summary->inputs = arena_take(&summary->arena, graph->n_input,
                                 sizeof *summary->inputs, err);
    summary->outputs = arena_take(&summary->arena, graph->n_output,
                                  sizeof *summary->outputs, err);
    if (!names || !summary->inputs || !summary->outputs)
        return false;
    for (size_t i = 0; i < num_weights; i++)
        names[i] =
            graph->initializer[i]->name ? graph->initializer[i]->name : "";
    if (num_weights > 0)
        qsort(names, num_weights, sizeof *names, compare_names);
    for (size_t i = 0; i < graph->n_input; i++)
        if (graph->input[i]->name &&
            !has_name(names, num_weights, graph->input[i]->name) &&
            !read_value(summary, &summary->inputs[summary->num_inputs++],
                        graph->input[i], err))
            return false;
    for (size_t i = 0; i < graph->n_output; i++)
        if (!read_value(summary, &summary->outputs[summary->num_outputs++],
                        graph->output[i], err))
            return false;
    return true;
}

/* Lists the operators, each of them once. */
static bool read_ops(struct onnx_summary *summary,
                     const onnx_graph_proto *graph, struct error *err)
{
    struct onnx_summary_op *ops =
        arena_take(&summary->arena, graph->n_node, sizeof *ops, err);

    if (!ops)
        return false;
    for (size_t i = 0; i < graph->n_node; i++) {
        ops[i].name = copy(summary, graph->node[i]->op_type, err);
        if (!ops[i].name)
            return false;
    }
    if (graph->n_node > 0)
        qsort(ops, graph->n_node, sizeof *ops, compare_ops);
    for (size_t i = 0; i < graph->n_node; i++) {
        if (summary->num_ops == 0 ||
            strcmp(ops[summary->num_ops - 1].name, ops[i].name) != 0)
            ops[summary->num_ops++] = (struct onnx_summary_op){ops[i].name, 0};
        ops[summary->num_ops - 1].count++;
    }
    summary->ops = ops;
    summary->num_nodes = graph->n_node;
    return true;
}

static void count_weights(struct onnx_summary *summary,
                          const onnx_tensor_proto *tensor)
{
    const struct onnx_element *element = onnx_element_of(tensor->data_type);
    uint64_t count = 1;

    for (size_t i = 0; i < tensor->n_dims; i++) {
        uint64_t dim = tensor->dims[i] > 0 ? (uint64_t)tensor->dims[i] : 0;

        if (dim > 0 && count > (UINT64_MAX >> 16) / dim)
            return; /* too many; onnx_read refuses them */
        count *= dim;
    }
    summary->num_weights += count;
    summary->weight_bytes +=
        element ? onnx_bytes_of(tensor->data_type, count) : 0;
}

static bool read_header(struct onnx_summary *summary,
                        const onnx_model_proto *model, struct error *err)
{
    char producer[2 * TEXT_SIZE];

    for (size_t i = 0; i < model->n_opset_import; i++)
        if (!model->opset_import[i]->domain || !*model->opset_import[i]->domain)
            summary->opset = model->opset_import[i]->version;
    snprintf(producer, sizeof producer, "%.80s%s%.80s",
             model->producer_name ? model->producer_name : "",
             model->producer_version && *model->producer_version ? " " : "",
             model->producer_version ? model->producer_version : "");
    summary->producer = copy(summary, producer, err);
    return summary->producer != NULL;
}

bool onnx_summary_read(struct onnx_summary *summary, const uint8_t *bytes,
                       size_t len, struct error *err)
{
    onnx_model_proto *model = onnx__model_proto__unpack(NULL, len, bytes);
    const onnx_graph_proto *graph = model ? model->graph : NULL;
    bool ok = false;

    if (!graph)
        fail(err, ERROR_INPUT, "not an ONNX model, or a truncated one");
    else if (graph->n_node > MAX_NODES)
        fail(err, ERROR_LIMIT,
             "the network has %zu nodes; at most %d are "
             "allowed",
             graph->n_node, MAX_NODES);
    else
        ok = read_header(summary, model, err) &&
             read_values(summary, graph, err) && read_ops(summary, graph, err);
    for (size_t i = 0; ok && i < graph->n_initializer; i++)
        count_weights(summary, graph->initializer[i]);
    /* Older exporters and Keras store weights in Constant nodes. */
    for (size_t i = 0; ok && i < graph->n_node; i++)
        for (size_t a = 0; a < graph->node[i]->n_attribute; a++)
            if (graph->node[i]->attribute[a]->t)
                count_weights(summary, graph->node[i]->attribute[a]->t);
    if (model)
        onnx__model_proto__free_unpacked(model, NULL);
    if (!ok)
        onnx_summary_release(summary);
    return ok;
}

void onnx_summary_release(struct onnx_summary *summary)
{
    arena_release(&summary->arena);
    *summary = (struct onnx_summary){0};
}
