#include "engine/xnn/xnnrun.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hugepages.h"
#include "engine/xnn/pthreadpool_of.h"
#include "engine/xnn/xnnnode.h"

struct xnnrun {
    xnn_runtime_t runtime; /* owned */
};

/* A subgraph under construction. */
struct builder {
    struct xnnnode_builder nodes;
    const struct xnnweights *weights; /* borrowed */
    uint32_t
        *int8_ids; /* (num_values, 2) ids of quantized copies, for linear layers
                      and for convolutions; owned, like those in `nodes` */
};

const char *xnnrun_generation(void)
{
    return XNN_IS_2024 ? "2024" : "2022";
}

static void *allocate(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void *reallocate(void *context, void *memory, size_t size)
{
    (void)context;
    return realloc(memory, size);
}

static void deallocate(void *context, void *memory)
{
    (void)context;
    free(memory);
}

/* For weights and feature maps. */
static void *allocate_aligned(void *context, size_t alignment, size_t size)
{
    (void)context;
    return alignment <= HUGEPAGES_ALIGNMENT ? hugepages_take(size) : NULL;
}

static void deallocate_aligned(void *context, void *memory)
{
    (void)context;
    hugepages_give(memory);
}

bool xnnrun_has_int8(void)
{
    return XNN_IS_2024;
}

static enum xnn_status initialized = xnn_status_uninitialized;

static void initialize(void)
{
    static const struct xnn_allocator allocator = {
        .allocate = allocate,
        .reallocate = reallocate,
        .deallocate = deallocate,
        .aligned_allocate = allocate_aligned,
        .aligned_deallocate = deallocate_aligned,
    };

    initialized = xnn_initialize(&allocator);
}

static bool init_library(struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, initialize);
    if (initialized == xnn_status_out_of_memory)
        return fail(err, ERROR_MEMORY, "not enough memory for XNNPACK");
    if (initialized != xnn_status_success)
        return fail(err, ERROR_UNSUPPORTED,
                    "XNNPACK does not support this processor, or /proc or /sys "
                    "is not mounted (status %d)",
                    (int)initialized);
    return true;
}

/* ---- quantized nodes ---- */

/* A 1 x 1 convolution. */
static bool is_pointwise(const struct graph_node *node)
{
    const struct graph_window *window = &node->conv.window;
    bool plain = node->nhwc && node->conv.groups == 1 && !node->conv.depthwise;

    for (int i = 0; i < 2; i++)
        plain &= window->kernel[i] == 1 && window->pad_before[i] == 0 &&
                 window->pad_after[i] == 0;
    return plain;
}

bool xnnrun_supports_int8(const struct graph *graph,
                          const struct graph_node *node)
{
    const struct graph_value *x, *weights;

    if (!XNN_IS_2024 ||
        (node->op != GRAPH_LINEAR &&
         !(node->op == GRAPH_CONV && is_pointwise(node))) ||
        !xnnrun_supports(graph, node))
        return false;
    x = graph_input(graph, node, 0);
    weights = graph_input(graph, node, 1);
    return x && !x->data && x->shape.rank >= 2 && weights && weights->data &&
           weights->type == GRAPH_FLOAT &&
           x->shape.dim[x->shape.rank - 1] >= XNNRUN_INT8_CHANNELS;
}

#if XNN_IS_2024
/* The id of a value's quantized copy. A convolution needs one scale and one
 * zero point for the image; a linear layer needs them for each row. */
static enum xnn_status convert(struct builder *builder, int number,
                               bool for_conv, uint32_t *id)
{
    const struct graph_value *value = &builder->nodes.graph->values[number];
    uint32_t *known = &builder->int8_ids[2 * number + for_conv];
    enum xnn_status status;

    *id = *known;
    if (*id != XNN_INVALID_VALUE_ID)
        return xnn_status_success;
    status = xnn_define_dynamically_quantized_tensor_value(
        builder->nodes.subgraph, xnn_datatype_qdint8, value->shape.rank,
        for_conv ? 3 : 1, value->shape.dim, XNN_INVALID_VALUE_ID, 0, id);
    if (status == xnn_status_success)
        status = xnn_define_unary(builder->nodes.subgraph, xnn_unary_convert,
                                  NULL, builder->nodes.ids[number], *id, 0);
    if (status == xnn_status_success)
        *known = *id;
    return status;
}

/* Defines a node as usual, but on the quantized copies of its operands. */
static enum xnn_status define_int8(struct builder *builder,
                                   const struct graph_node *node,
                                   const struct xnnweights_int8 *weights)
{
    const struct graph_shape *shape =
        &graph_input(builder->nodes.graph, node, 1)->shape;
    uint32_t *x = &builder->nodes.ids[node->inputs[0]];
    uint32_t *filter = &builder->nodes.ids[node->inputs[1]];
    const uint32_t float_x = *x, float_filter = *filter;
    uint32_t int8_x, int8_filter;
    enum xnn_status status =
        convert(builder, node->inputs[0], node->op == GRAPH_CONV, &int8_x);

    if (status == xnn_status_success)
        status = xnn_define_channelwise_quantized_tensor_value(
            builder->nodes.subgraph, xnn_datatype_qcint8, weights->scales,
            shape->rank, 0, shape->dim, weights->data, XNN_INVALID_VALUE_ID, 0,
            &int8_filter);
    if (status != xnn_status_success)
        return status;
    *x = int8_x;
    *filter = int8_filter;
    status = xnnnode_define(&builder->nodes, node);
    *x = float_x;
    *filter = float_filter;
    return status;
}
#endif

bool xnnrun_supports(const struct graph *graph, const struct graph_node *node)
{
    return xnnnode_supports(graph, node);
}

/* ---- runtimes ---- */

static const char *status_text(enum xnn_status status)
{
    switch (status) {
    case xnn_status_invalid_parameter:
        return "invalid parameter";
    case xnn_status_invalid_state:
        return "invalid state";
    case xnn_status_unsupported_parameter:
        return "unsupported parameter";
    case xnn_status_unsupported_hardware:
        return "unsupported processor";
    case xnn_status_out_of_memory:
        return "not enough memory";
    default:
        return "failure";
    }
}

static bool check(enum xnn_status status, const char *what, struct error *err)
{
    if (status == xnn_status_success)
        return true;
    return fail(
        err, status == xnn_status_out_of_memory ? ERROR_MEMORY : ERROR_INTERNAL,
        "XNNPACK (%s): %s", what, status_text(status));
}

/* Defines a value for XNNPACK, unless it was defined before. For an external
 * value, `external` is its id and `flags` its direction; otherwise
 * XNN_INVALID_VALUE_ID and 0. */
static bool define_value(struct builder *builder, int number, uint32_t external,
                         uint32_t flags, struct error *err)
{
    const struct graph_value *value;

    if (number == GRAPH_NONE ||
        builder->nodes.ids[number] != XNN_INVALID_VALUE_ID)
        return true;
    value = &builder->nodes.graph->values[number];
    return check(xnn_define_tensor_value(
                     builder->nodes.subgraph, xnn_datatype_fp32,
                     value->shape.rank, value->shape.dim, value->data, external,
                     flags, &builder->nodes.ids[number]),
                 value->name, err);
}

static enum xnn_status define(struct builder *builder,
                              const struct graph_node *node)
{
#if XNN_IS_2024
    if (xnnrun_supports_int8(builder->nodes.graph, node)) {
        struct xnnweights_int8 weights =
            xnnweights_get(builder->weights, node->inputs[1]);

        if (weights.data)
            return define_int8(builder, node, &weights);
    }
#endif
    return xnnnode_define(&builder->nodes, node);
}

static bool define_node(struct builder *builder, const struct graph_node *node,
                        struct error *err)
{
    for (uint32_t i = 0; i < node->num_inputs; i++)
        if (!define_value(builder, node->inputs[i], XNN_INVALID_VALUE_ID, 0,
                          err))
            return false;
    return define_value(builder, node->outputs[0], XNN_INVALID_VALUE_ID, 0,
                        err) &&
           check(define(builder, node), node->name, err);
}

static bool define_all(struct builder *builder, size_t first, size_t count,
                       const struct xnnrun_external *externals,
                       size_t num_externals, struct error *err)
{
    for (size_t v = 0; v < builder->nodes.graph->num_values; v++)
        builder->nodes.ids[v] = builder->int8_ids[2 * v] =
            builder->int8_ids[2 * v + 1] = XNN_INVALID_VALUE_ID;
    for (size_t i = 0; i < num_externals; i++)
        if (!define_value(builder, externals[i].value, (uint32_t)i,
                          externals[i].is_output
                              ? XNN_VALUE_FLAG_EXTERNAL_OUTPUT
                              : XNN_VALUE_FLAG_EXTERNAL_INPUT,
                          err))
            return false;
    for (size_t n = first; n < first + count; n++)
        if (!define_node(builder, &builder->nodes.graph->nodes[n], err))
            return false;
    return true;
}

/* Sets the addresses of the runtime's external values once and for all. */
static bool set_up(struct xnnrun *run, const struct xnnrun_external *externals,
                   size_t num_externals, struct error *err)
{
    struct xnn_external_value *values = calloc(num_externals, sizeof *values);
    bool ok;

    if (!values)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu addresses",
                    num_externals);
    for (size_t i = 0; i < num_externals; i++) {
        values[i].id = (uint32_t)i;
        values[i].data = externals[i].data;
    }
    ok = check(xnn_setup_runtime(run->runtime, num_externals, values), "setup",
               err);
    free(values);
    return ok;
}

/* Creates the runtime of a finished subgraph. */
static bool make_runtime(struct xnnrun *run, const struct builder *builder,
                         struct xnnweights *weights, size_t first,
                         struct team_member *member, struct error *err)
{
    struct xnn_weights_cache_provider *shared =
        xnnweights_begin(weights, first);
    enum xnn_status status;

#if XNN_IS_2024
    /* _v4 would allocate and free its workspace differently. */
    status = xnn_create_runtime_v3(builder->nodes.subgraph, shared,
                                   pthreadpool_of(member), 0, &run->runtime);
#else
    (void)shared;
    status = xnn_create_runtime_v2(builder->nodes.subgraph,
                                   pthreadpool_of(member), 0, &run->runtime);
#endif
    xnnweights_end(weights);
    return check(status, "creating a runtime", err);
}

struct xnnrun *xnnrun_new(const struct graph *graph, struct xnnweights *weights,
                          size_t first, size_t count,
                          const struct xnnrun_external *externals,
                          size_t num_externals, struct team_member *member,
                          struct error *err)
{
    struct builder builder = {.nodes.graph = graph, .weights = weights};
    struct xnnrun *run = NULL;
    bool ok = false;

    if (!init_library(err))
        return NULL;
    run = calloc(1, sizeof *run);
    builder.nodes.ids = calloc(graph->num_values, sizeof *builder.nodes.ids);
    builder.int8_ids = calloc(graph->num_values, 2 * sizeof *builder.int8_ids);
    if (!run || !builder.nodes.ids || !builder.int8_ids) {
        fail(err, ERROR_MEMORY, "not enough memory for a runtime");
        goto out;
    }
    ok = check(xnn_create_subgraph((uint32_t)num_externals, 0,
                                   &builder.nodes.subgraph),
               "creating a subgraph", err) &&
         define_all(&builder, first, count, externals, num_externals, err) &&
         make_runtime(run, &builder, weights, first, member, err) &&
         set_up(run, externals, num_externals, err);
out:
    if (builder.nodes.subgraph)
        xnn_delete_subgraph(builder.nodes.subgraph);
    free(builder.nodes.ids);
    free(builder.int8_ids);
    if (!ok) {
        xnnrun_free(run);
        run = NULL;
    }
    return run;
}

/* The bytes of a value that the library makes memory for, or 0. */
static size_t inner_len(const struct graph *graph, int value,
                        const bool *external)
{
    return value == GRAPH_NONE || external[value] || graph->values[value].data
               ? 0
               : graph_value_count(graph, value) * sizeof(float);
}

/* The bytes of the addresses that the library lists for a window: of all pixels
 * of each output pixel, where neighbours share none; else, of depthwise
 * convolutions and pooling, of those that a row of outputs begins to cover. */
static size_t addresses_len(const struct graph *graph,
                            const struct graph_node *node)
{
    const struct graph_shape *out = &graph->values[node->outputs[0]].shape;
    const bool is_conv = node->op == GRAPH_CONV;
    const struct graph_window *window =
        is_conv ? &node->conv.window : &node->pool.window;
    const size_t height = window->kernel[0], width = window->kernel[1];
    size_t step = width, count;

    if (!is_conv && node->op != GRAPH_MAX_POOL &&
        node->op != GRAPH_AVERAGE_POOL)
        return 0;
    if (is_conv && height * width == 1 && window->stride[0] == 1 &&
        window->stride[1] == 1)
        return 0;
    if ((!is_conv || node->conv.depthwise) && window->dilation[1] == 1 &&
        window->stride[1] < width)
        step = window->stride[1];
    count = out->dim[1] * height * (width + (out->dim[2] - 1) * step);
    return count * sizeof(void *);
}

size_t xnnrun_len(const struct graph *graph, struct xnnweights *weights,
                  size_t first, size_t count, const bool *external)
{
    const bool is_packed = xnnweights_packed_len(weights) > 0;
    size_t most = 0, packed = 0, addresses = 0;

    for (size_t n = first; n < first + count; n++) {
        const struct graph_node *node = &graph->nodes[n];
        size_t len = 0;

        addresses += addresses_len(graph, node);
        for (uint32_t i = 0; i < node->num_inputs; i++) {
            const struct graph_value *value = graph_input(graph, node, i);

            len += inner_len(graph, node->inputs[i], external);
            if (value && value->data && !is_packed)
                packed += graph_shape_count(&value->shape) * sizeof(float);
        }
        for (uint32_t i = 0; i < node->num_outputs; i++)
            len += inner_len(graph, node->outputs[i], external);
        most = len > most ? len : most;
    }
    return packed + addresses + 2 * most;
}

bool xnnrun_run(struct xnnrun *run, struct error *err)
{
    return check(xnn_invoke_runtime(run->runtime), "running", err);
}

void xnnrun_free(struct xnnrun *run)
{
    if (run && run->runtime)
        xnn_delete_runtime(run->runtime);
    free(run);
}
