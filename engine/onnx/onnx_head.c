#include "engine/onnx/onnx_head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/onnx/onnx_write.h"
#include "engine/onnx/onnx_writer.h"

enum { NAME_SIZE = 64 };

/* A file with another head. Lists are either the file's own or made here; the
 * file's are put back before it is freed. */
struct change {
    const struct onnx_head *head;
    onnx_model_proto *model;
    onnx_graph_proto own; /* the file's lists */
    struct onnx_names names;
    struct onnx_needed needed;
    struct onnx_writer writer;
    char logits[NAME_SIZE], prefix[NAME_SIZE];
};

/* ---- what the features need ---- */

/* Finds the nodes that lead to the features, as if these were the file's only
 * output. */
static bool find_needed(struct change *change, struct error *err)
{
    onnx_graph_proto *graph = change->model->graph;
    onnx_value_info_proto info, *infos[] = {&info};
    char *name = arena_text(&change->writer.arena, change->head->features,
                            strlen(change->head->features), err);
    bool ok;

    if (!name || !onnx_names_init(&change->names, graph, err))
        return false;
    onnx__value_info_proto__init(&info);
    info.name = name;
    graph->output = infos;
    graph->n_output = 1;
    ok = onnx_needed_find(&change->needed, &change->names, graph, name, true,
                          err);
    graph->output = change->own.output;
    graph->n_output = change->own.n_output;
    return ok && (onnx_names_find(&change->names, name)->maker != GRAPH_NONE ||
                  fail(err, ERROR_UNSUPPORTED,
                       "no node of the file makes a value \"%.100s\"", name));
}

static bool is_needed(const struct change *change, const char *name)
{
    return name && onnx_names_find(&change->names, name)->is_needed;
}

/* Removes what does not lead to the features. New lists, for the others are
 * freed with the file, have room for what is added. */
static bool leave_out(struct change *change)
{
    onnx_graph_proto *graph = change->model->graph;
    const onnx_graph_proto *own = &change->own;
    struct onnx_writer *w = &change->writer;
    size_t more = w->num_nodes + w->num_constants + 1;

    graph->node = onnx_writer_take(w, own->n_node + more, sizeof(void *));
    graph->initializer =
        onnx_writer_take(w, own->n_initializer + more, sizeof(void *));
    graph->input = onnx_writer_take(w, own->n_input + 1, sizeof(void *));
    graph->value_info =
        onnx_writer_take(w, own->n_value_info + 1, sizeof(void *));
    graph->n_node = graph->n_initializer = graph->n_value_info = 0;
    graph->n_input = graph->n_output = 0;
    if (w->is_failed)
        return false;
    for (size_t i = 0; i < own->n_node; i++)
        if (change->needed.nodes[i])
            graph->node[graph->n_node++] = own->node[i];
    for (size_t i = 0; i < own->n_initializer; i++)
        if (is_needed(change, own->initializer[i]->name))
            graph->initializer[graph->n_initializer++] = own->initializer[i];
    for (size_t i = 0; i < own->n_input; i++)
        if (is_needed(change, own->input[i]->name))
            graph->input[graph->n_input++] = own->input[i];
    for (size_t i = 0; i < own->n_value_info; i++)
        if (is_needed(change, own->value_info[i]->name))
            graph->value_info[graph->n_value_info++] = own->value_info[i];
    return true;
}

/* ---- what is added ---- */

/* Whether anything in the file has a name that begins with the text. */
static bool is_prefix(const struct change *change, const char *text)
{
    const size_t len = strlen(text);

    for (size_t i = 0; i < change->names.num_slots; i++) {
        const char *name = change->names.slots[i].text;

        if (name && strncmp(name, text, len) == 0)
            return true;
    }
    return false;
}

static void choose_names(struct change *change)
{
    static const char logits[] = "logits", prefix[] = "fit_";

    memcpy(change->logits, logits, sizeof logits);
    memcpy(change->prefix, prefix, sizeof prefix);
    for (size_t len = sizeof logits - 1;
         len < NAME_SIZE - 1 &&
         onnx_names_find(&change->names, change->logits)->text;
         len++)
        change->logits[len] = '_';
    for (size_t len = sizeof prefix - 1;
         len < NAME_SIZE - 1 && is_prefix(change, change->prefix); len++)
        change->prefix[len] = '_';
    change->writer.prefix = change->prefix;
}

/* Whether some number of the file is a float, but not one of 32 bits. */
static bool has_other_floats(const onnx_graph_proto *graph)
{
    for (size_t i = 0; i < graph->n_initializer; i++) {
        const int type = graph->initializer[i]->data_type;

        if (type == ONNX_FLOAT16 || type == ONNX_BFLOAT16 ||
            type == ONNX_DOUBLE)
            return true;
    }
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t a = 0; a < graph->node[i]->n_attribute; a++) {
            const onnx_attribute_proto *attribute =
                graph->node[i]->attribute[a];
            const int64_t type =
                attribute->t ? attribute->t->data_type
                : attribute->name && strcmp(attribute->name, "to") == 0
                    ? attribute->i
                    : ONNX_FLOAT;

            if (type == ONNX_FLOAT16 || type == ONNX_BFLOAT16 ||
                type == ONNX_DOUBLE)
                return true;
        }
    return false;
}

/* From this opset on, the axes of a reduction are an operand. */
enum { OPSET_OF_AXES = 18 };

static int64_t opset_of(const onnx_model_proto *model)
{
    int64_t opset = 0;

    for (size_t i = 0; i < model->n_opset_import; i++) {
        const char *domain = model->opset_import[i]->domain;

        if (!domain || !*domain || strcmp(domain, "ai.onnx") == 0)
            opset = model->opset_import[i]->version;
    }
    return opset;
}

/* Reduces (N, H x W, C) to (N, C). */
static const char *pool_tokens(struct change *change, const char *x)
{
    static const int64_t axis = 1;
    const char *op = change->head->is_max ? "ReduceMax" : "ReduceMean";
    struct onnx_writer *w = &change->writer;

    if (opset_of(change->model) >= OPSET_OF_AXES) {
        x = onnx_writer_two(w, op, x, onnx_writer_list(w, &axis, 1));
    } else {
        x = onnx_writer_one(w, op, x);
        onnx_writer_ints(w, "axes", &axis, 1);
    }
    onnx_writer_int(w, "keepdims", 0);
    return x;
}

/* Reduces the features to (N, C). */
static const char *pool(struct change *change, const char *x)
{
    const struct onnx_head *head = change->head;
    struct onnx_writer *w = &change->writer;

    if (head->layout == ONNX_HEAD_TOKENS)
        return pool_tokens(change, x);
    if (head->layout == ONNX_HEAD_NHWC)
        x = onnx_writer_transpose(w, x, (const int64_t[]){0, 3, 1, 2}, 4);
    x = onnx_writer_one(w, head->is_max ? "GlobalMaxPool" : "GlobalAveragePool",
                        x);
    x = onnx_writer_one(w, "Flatten", x);
    onnx_writer_int(w, "axis", 1);
    return x;
}

/* Makes the nodes of the head. */
static bool make_head(struct change *change)
{
    const struct onnx_head *head = change->head;
    struct onnx_writer *w = &change->writer;
    const struct graph_shape weights_shape = {
        .rank = 2, .dim = {head->num_classes, head->num_features}};
    const struct graph_shape bias_shape = {.rank = 1,
                                           .dim = {head->num_classes}};
    const char *x = head->features, *weights, *bias;

    if (has_other_floats(&change->own))
        x = onnx_writer_to_float(w, x);
    x = pool(change, x);
    weights =
        onnx_writer_constant(w, GRAPH_FLOAT, &weights_shape, head->weights);
    bias = onnx_writer_constant(w, GRAPH_FLOAT, &bias_shape, head->bias);
    x = onnx_writer_node(w, "Gemm", (const char *const[]){x, weights, bias}, 3);
    onnx_writer_int(w, "transB", 1);
    if (!x || w->is_failed)
        return false;
    w->nodes[w->num_nodes - 1]->output[0] = change->logits;
    return true;
}

/* The dimension of the batch, which is that of the image. */
static Onnx__TensorShapeProto__Dimension *
batch_of(const onnx_graph_proto *graph)
{
    for (size_t i = 0; i < graph->n_input; i++) {
        const Onnx__TypeProto *type = graph->input[i]->type;
        const Onnx__TensorShapeProto *shape =
            type && type->tensor_type ? type->tensor_type->shape : NULL;

        if (shape && shape->n_dim == 4)
            return shape->dim[0];
    }
    return NULL;
}

/* (N, num_classes); NULL if the batch's dimension is not known. */
static Onnx__TensorShapeProto *make_shape(struct change *change)
{
    struct onnx_writer *w = &change->writer;
    Onnx__TensorShapeProto__Dimension *batch = batch_of(change->model->graph);
    Onnx__TensorShapeProto *shape = onnx_writer_take(w, 1, sizeof *shape);
    Onnx__TensorShapeProto__Dimension **list =
        onnx_writer_take(w, 2, sizeof *list);
    Onnx__TensorShapeProto__Dimension *classes =
        onnx_writer_take(w, 1, sizeof *classes);

    if (w->is_failed || !batch)
        return NULL;
    onnx__tensor_shape_proto__init(shape);
    onnx__tensor_shape_proto__dimension__init(classes);
    classes->has_dim_value = true;
    classes->dim_value = (int64_t)change->head->num_classes;
    list[0] = batch;
    list[1] = classes;
    shape->dim = list;
    shape->n_dim = 2;
    return shape;
}

/* Declares the logits as the only output. */
static bool declare(struct change *change)
{
    struct onnx_writer *w = &change->writer;
    onnx_graph_proto *graph = change->model->graph;
    onnx_value_info_proto *info = onnx_writer_take(w, 1, sizeof *info);
    Onnx__TypeProto *type = onnx_writer_take(w, 1, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = onnx_writer_take(w, 1, sizeof *tensor);
    Onnx__TensorShapeProto *shape = make_shape(change);

    graph->output = onnx_writer_take(w, 1, sizeof(void *));
    if (w->is_failed)
        return false;
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    tensor->has_elem_type = true;
    tensor->elem_type = ONNX_FLOAT;
    tensor->shape = shape;
    type->tensor_type = tensor;
    info->name = change->logits;
    info->type = type;
    graph->output[graph->n_output++] = info;
    return true;
}

static void add_head(struct change *change)
{
    onnx_graph_proto *graph = change->model->graph;
    const struct onnx_writer *w = &change->writer;

    for (size_t i = 0; i < w->num_nodes; i++)
        graph->node[graph->n_node++] = w->nodes[i];
    for (size_t i = 0; i < w->num_constants; i++)
        graph->initializer[graph->n_initializer++] = w->constants[i];
}

/* ---- the file ---- */

static bool write(struct buf *file, const onnx_model_proto *model,
                  struct error *err)
{
    const size_t len = onnx__model_proto__get_packed_size(model);

    if (len > ONNX_WRITE_MAX_BYTES)
        return fail(err, ERROR_LIMIT,
                    "with its new head it has %zu bytes; a file can have at "
                    "most %zu",
                    len, ONNX_WRITE_MAX_BYTES);
    buf_release(file);
    if (!buf_reserve(file, len, err))
        return false;
    file->len = onnx__model_proto__pack(model, file->data);
    return true;
}

static bool change_file(struct change *change, struct buf *file,
                        struct error *err)
{
    if (change->model->ir_version < 4) { /* constants need not be inputs */
        change->model->has_ir_version = true;
        change->model->ir_version = 4;
    }
    return find_needed(change, err) &&
           (choose_names(change), make_head(change)) && leave_out(change) &&
           declare(change) &&
           (add_head(change), write(file, change->model, err));
}

static void put_back(struct change *change)
{
    onnx_graph_proto *graph = change->model->graph;

    *graph = change->own;
    onnx_needed_release(&change->needed);
    onnx_names_release(&change->names);
    arena_release(&change->writer.arena);
    free(change->writer.nodes);
    free(change->writer.constants);
}

bool onnx_head_replace(struct buf *file, const struct onnx_head *head,
                       struct error *err)
{
    ProtobufCAllocator allocator = onnx_allocator();
    struct change change = {
        .head = head,
        .model = onnx__model_proto__unpack(&allocator, file->len, file->data),
        .writer = {.err = err},
    };
    bool ok = false;

    if (!change.model || !change.model->graph) {
        fail(err, ERROR_INPUT, "not an ONNX model, or a truncated one");
    } else {
        change.own = *change.model->graph;
        ok = change_file(&change, file, err);
        put_back(&change);
    }
    if (change.model)
        onnx__model_proto__free_unpacked(change.model, &allocator);
    return ok;
}
