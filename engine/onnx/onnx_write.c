#include "engine/onnx/onnx_write.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/onnx/onnx_writer.h"

enum { IR_VERSION = 8 }; /* that of opset 17 */

/* How an operation is written: by a function, to which the operator is passed.
 * Those without a row are of constants and shapes only: graph_infer computes
 * them. */
struct row {
    onnx_write_fn *write;
    const char *op;
};

static const struct row rows[GRAPH_NUM_OPS] = {
    [GRAPH_ADD] = {onnx_write_plain, "Add"},
    [GRAPH_SUB] = {onnx_write_plain, "Sub"},
    [GRAPH_MUL] = {onnx_write_plain, "Mul"},
    [GRAPH_DIV] = {onnx_write_plain, "Div"},
    [GRAPH_POW] = {onnx_write_plain, "Pow"},
    [GRAPH_MIN] = {onnx_write_plain, "Min"},
    [GRAPH_MAX] = {onnx_write_plain, "Max"},
    [GRAPH_MOD] = {onnx_write_mod, "Mod"},
    [GRAPH_PRELU] = {onnx_write_prelu, "PRelu"},
    [GRAPH_EQUAL] = {onnx_write_compare, "Equal"},
    [GRAPH_LESS] = {onnx_write_compare, "Less"},
    [GRAPH_LESS_EQUAL] = {onnx_write_compare, "LessOrEqual"},
    [GRAPH_AND] = {onnx_write_logical, "And"},
    [GRAPH_OR] = {onnx_write_logical, "Or"},
    [GRAPH_XOR] = {onnx_write_logical, "Xor"},
    [GRAPH_WHERE] = {onnx_write_where, "Where"},
    [GRAPH_UNARY] = {onnx_write_unary, NULL},
    [GRAPH_CLAMP] = {onnx_write_pass, NULL},
    [GRAPH_CONV] = {onnx_write_conv, "Conv"},
    [GRAPH_BATCH_NORM] = {onnx_write_batch_norm, "BatchNormalization"},
    [GRAPH_DECONV] = {onnx_write_deconv, "ConvTranspose"},
    [GRAPH_MAX_POOL] = {onnx_write_max_pool, "MaxPool"},
    [GRAPH_AVERAGE_POOL] = {onnx_write_average_pool, "AveragePool"},
    [GRAPH_LP_POOL] = {onnx_write_lp_pool, "LpPool"},
    [GRAPH_PAD] = {onnx_write_pad, "Pad"},
    [GRAPH_QUANTIZE] = {onnx_write_quantize, "Clip"},
    [GRAPH_DEQUANTIZE] = {onnx_write_dequantize, "Mul"},
    [GRAPH_RESIZE] = {onnx_write_resize, "Resize"},
    [GRAPH_DEPTH_TO_SPACE] = {onnx_write_block, "DepthToSpace"},
    [GRAPH_SPACE_TO_DEPTH] = {onnx_write_block, "SpaceToDepth"},
    [GRAPH_MEAN] = {onnx_write_mean, "ReduceMean"},
    [GRAPH_REDUCE] = {onnx_write_reduce, NULL},
    [GRAPH_NORM] = {onnx_write_norm, NULL},
    [GRAPH_LRN] = {onnx_write_lrn, "LRN"},
    [GRAPH_LINEAR] = {onnx_write_linear, "Gemm"},
    [GRAPH_MATMUL] = {onnx_write_matmul, "MatMul"},
    [GRAPH_EINSUM] = {onnx_write_einsum, "Einsum"},
    [GRAPH_SOFTMAX] = {onnx_write_softmax, "Softmax"},
    [GRAPH_LOG_SOFTMAX] = {onnx_write_softmax, "LogSoftmax"},
    [GRAPH_HARDMAX] = {onnx_write_softmax, "Hardmax"},
    [GRAPH_RESHAPE] = {onnx_write_reshape, "Reshape"},
    [GRAPH_TRANSPOSE] = {onnx_write_transpose, "Transpose"},
    [GRAPH_CONCAT] = {onnx_write_axis, "Concat"},
    [GRAPH_SLICE] = {onnx_write_slice, "Slice"},
    [GRAPH_GATHER] = {onnx_write_axis, "Gather"},
    [GRAPH_GATHER_ELEMENTS] = {onnx_write_axis, "GatherElements"},
    [GRAPH_GATHER_ND] = {onnx_write_gather_nd, "GatherND"},
    [GRAPH_EXPAND] = {onnx_write_expand, "Expand"},
    [GRAPH_CAST] = {onnx_write_pass, NULL}, /* between floats */
    [GRAPH_CUMSUM] = {onnx_write_cumsum, "CumSum"},
    [GRAPH_TRILU] = {onnx_write_trilu, "Trilu"},
    [GRAPH_REVERSE] = {onnx_write_reverse, "ReverseSequence"},
    [GRAPH_SCATTER_ELEMENTS] = {onnx_write_scatter, "ScatterElements"},
    [GRAPH_SCATTER_ND] = {onnx_write_scatter, "ScatterND"},
    [GRAPH_GATE] = {onnx_write_gate, NULL},
    [GRAPH_SLOPE] = {onnx_write_slope, NULL},
    [GRAPH_MIX] = {onnx_write_mix, NULL},
    [GRAPH_MAX_POOL_GRADIENT] = {onnx_write_max_pool_gradient, NULL},
    [GRAPH_NORM_GRADIENT] = {onnx_write_norm_gradient, NULL},
    [GRAPH_IDENTITY] = {onnx_write_pass, NULL},
};

bool onnx_write_supports(enum graph_op op)
{
    return rows[op].write != NULL;
}

/* ---- names ---- */

static bool is_input(const struct graph *graph, int value)
{
    for (size_t i = 0; i < graph->num_inputs; i++)
        if (graph->inputs[i] == value)
            return true;
    return false;
}

/* Whether anything has a name that begins with the prefix. */
static bool is_used(const struct graph *graph, const char *const *output_names,
                    const char *prefix)
{
    size_t len = strlen(prefix);

    for (size_t v = 0; v < graph->num_values; v++)
        if (strncmp(graph->values[v].name, prefix, len) == 0)
            return true;
    for (size_t i = 0; i < graph->num_outputs; i++)
        if (strncmp(output_names[i], prefix, len) == 0)
            return true;
    return false;
}

static bool choose_prefix(struct onnx_writer *w,
                          const char *const *output_names)
{
    static const char first[] = "value_";
    char *prefix = onnx_writer_take(w, 64, 1);

    if (!prefix)
        return false;
    memcpy(prefix, first, sizeof first);
    for (size_t len = sizeof first - 1;
         len < 60 && is_used(w->graph, output_names, prefix); len++)
        prefix[len] = '_';
    w->prefix = prefix;
    return true;
}

/* Outputs are called what they are asked to be. One that is an input, a
 * constant or an output already gets a node for its second name (add_outputs).
 */
static void name_outputs(struct onnx_writer *w, const char *const *output_names)
{
    for (size_t i = 0; i < w->graph->num_outputs; i++) {
        int value = w->graph->outputs[i];

        if (!w->names[value] && !w->graph->values[value].data &&
            !is_input(w->graph, value))
            w->names[value] = output_names[i];
    }
}

/* ---- nodes ---- */

static const char *clamped(struct onnx_writer *w, const char *x)
{
    float min = w->node->min, max = w->node->max;

    if (!x || !graph_is_clamped(w->node))
        return x;
    if (min == 0 && isinf(max))
        return onnx_writer_one(w, "Relu", x);
    return onnx_writer_node(
        w, "Clip",
        (const char *const[]){x, isinf(min) ? "" : onnx_writer_number(w, min),
                              isinf(max) ? "" : onnx_writer_number(w, max)},
        isinf(max) ? 2 : 3);
}

/* Calls what the last node made by another name, or else adds a node that hands
 * it on. */
static bool rename_last(struct onnx_writer *w, const char *made,
                        const char *name)
{
    onnx_node_proto *last;

    if (w->num_nodes == 0 || w->nodes[w->num_nodes - 1]->name != made)
        made = onnx_writer_one(w, "Identity", made);
    if (!made || w->is_failed)
        return false;
    last = w->nodes[w->num_nodes - 1];
    last->output[0] = arena_text(&w->arena, name, strlen(name), w->err);
    last->name = last->output[0];
    return last->name != NULL;
}

static bool write_node(struct onnx_writer *w)
{
    const struct row *row = &rows[w->node->op];
    int out = w->node->outputs[0];
    const char *made;

    if (w->graph->values[out].data)
        return true;
    if (!row->write)
        made = onnx_writer_refuse(w, "it cannot be written");
    else
        made = clamped(w, row->write(w, row->op));
    return (made && !w->is_failed &&
            rename_last(w, made, onnx_writer_value(w, out))) ||
           error_prefix(w->err, "node \"%.100s\" (%.60s)", w->node->name,
                        graph_op_name(w->node->op));
}

static bool add_outputs(struct onnx_writer *w, const char *const *output_names)
{
    for (size_t i = 0; i < w->graph->num_outputs; i++) {
        const char *name = onnx_writer_value(w, w->graph->outputs[i]);

        if (!name)
            return false;
        if (strcmp(name, output_names[i]) != 0 &&
            !rename_last(w, onnx_writer_one(w, "Identity", name),
                         output_names[i]))
            return false;
    }
    return true;
}

/* ---- the model ---- */

/* Says what an input or output is. */
static onnx_value_info_proto *describe(struct onnx_writer *w, int value,
                                       const char *name)
{
    const struct graph_value *v = &w->graph->values[value];
    onnx_value_info_proto *info = onnx_writer_take(w, 1, sizeof *info);
    Onnx__TypeProto *type = onnx_writer_take(w, 1, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = onnx_writer_take(w, 1, sizeof *tensor);
    Onnx__TensorShapeProto *shape = onnx_writer_take(w, 1, sizeof *shape);
    Onnx__TensorShapeProto__Dimension *dims =
        onnx_writer_take(w, v->shape.rank, sizeof *dims);
    Onnx__TensorShapeProto__Dimension **list =
        onnx_writer_take(w, v->shape.rank, sizeof *list);

    if (w->is_failed)
        return NULL;
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    for (uint32_t i = 0; i < v->shape.rank; i++) {
        onnx__tensor_shape_proto__dimension__init(&dims[i]);
        dims[i].has_dim_value = true;
        dims[i].dim_value = (int64_t)v->shape.dim[i];
        list[i] = &dims[i];
    }
    shape->dim = list;
    shape->n_dim = v->shape.rank;
    tensor->has_elem_type = true;
    tensor->elem_type = v->type == GRAPH_INT ? ONNX_INT64 : ONNX_FLOAT;
    tensor->shape = shape;
    type->tensor_type = tensor;
    info->type = type;
    info->name = arena_text(&w->arena, name, strlen(name), w->err);
    w->is_failed |= !info->name;
    return w->is_failed ? NULL : info;
}

static bool describe_all(struct onnx_writer *w, onnx_graph_proto *proto,
                         const char *const *output_names)
{
    const struct graph *graph = w->graph;

    proto->input = onnx_writer_take(w, graph->num_inputs, sizeof *proto->input);
    proto->output =
        onnx_writer_take(w, graph->num_outputs, sizeof *proto->output);
    if (w->is_failed)
        return false;
    for (size_t i = 0; i < graph->num_inputs; i++) {
        int value = graph->inputs[i];

        proto->input[i] = describe(w, value, graph->values[value].name);
    }
    for (size_t i = 0; i < graph->num_outputs; i++)
        proto->output[i] = describe(w, graph->outputs[i], output_names[i]);
    proto->n_input = graph->num_inputs;
    proto->n_output = graph->num_outputs;
    proto->node = w->nodes;
    proto->n_node = w->num_nodes;
    proto->initializer = w->constants;
    proto->n_initializer = w->num_constants;
    return !w->is_failed;
}

static bool pack(struct buf *file, const onnx_model_proto *model,
                 struct error *err)
{
    size_t len = onnx__model_proto__get_packed_size(model);

    if (len > ONNX_WRITE_MAX_BYTES)
        return fail(err, ERROR_LIMIT,
                    "it would have %zu bytes; an ONNX file can have at most "
                    "%zu",
                    len, ONNX_WRITE_MAX_BYTES);
    if (!buf_reserve(file, len, err))
        return false;
    file->len = onnx__model_proto__pack(model, file->data);
    return true;
}

static bool write_model(struct onnx_writer *w, struct buf *file,
                        const struct onnx_write_options *options)
{
    onnx_model_proto model = ONNX__MODEL_PROTO__INIT;
    onnx_graph_proto proto = ONNX__GRAPH_PROTO__INIT;
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT;
    Onnx__OperatorSetIdProto *opsets[] = {&opset};
    char domain[] = "", producer[] = "wherefore";

    if (!describe_all(w, &proto, options->output_names))
        return false;
    opset.domain = domain;
    opset.has_version = true;
    opset.version = ONNX_WRITE_OPSET;
    proto.name = producer;
    model.has_ir_version = true;
    model.ir_version = IR_VERSION;
    model.producer_name = producer;
    if (options->doc)
        model.doc_string =
            arena_text(&w->arena, options->doc, strlen(options->doc), w->err);
    if (options->doc && !model.doc_string)
        return false;
    model.graph = &proto;
    model.opset_import = opsets;
    model.n_opset_import = 1;
    return pack(file, &model, w->err);
}

bool onnx_write(struct buf *file, const struct graph *graph,
                const struct onnx_write_options *options, struct error *err)
{
    struct onnx_writer w = {
        .graph = graph,
        .names = calloc(graph->num_values + 1, sizeof *w.names),
        .is_written = calloc(graph->num_values + 1, sizeof *w.is_written),
        .err = err,
    };
    bool ok = w.names && w.is_written;

    if (!ok)
        fail(err, ERROR_MEMORY, "not enough memory for a file");
    ok = ok && choose_prefix(&w, options->output_names);
    if (ok)
        name_outputs(&w, options->output_names);
    for (size_t n = 0; ok && n < graph->num_nodes; n++) {
        w.node = &graph->nodes[n];
        ok = write_node(&w);
    }
    ok = ok && add_outputs(&w, options->output_names) &&
         write_model(&w, file, options);
    free(w.names);
    free(w.is_written);
    free(w.nodes);
    free(w.constants);
    arena_release(&w.arena);
    return ok;
}
