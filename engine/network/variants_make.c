/* Making a variant: the file is read again, and the graph changed before it is
 * laid out. */
#include "engine/network/variants_make.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "engine/graph/graph_users.h"
#include "engine/passes/gradient.h"
#include "engine/passes/graph_build.h"
#include "engine/passes/graph_cut.h"
#include "engine/passes/graph_round.h"

/* ---- the file ---- */

static bool fail_changed(const char *what, struct error *err)
{
    return fail(err, ERROR_IO,
                "%s has been changed since the model was opened; reload the "
                "model",
                what);
}

/* It stays open while it is read again, so it may be removed or replaced
 * meanwhile, but not written to. */
static bool check_file(const struct variants_source *source, struct error *err)
{
    const struct stat *then = &source->file;
    struct stat now;

    return (fstat(source->fd, &now) == 0 && now.st_size == then->st_size &&
            now.st_mtim.tv_sec == then->st_mtim.tv_sec &&
            now.st_mtim.tv_nsec == then->st_mtim.tv_nsec) ||
           fail_changed("model.onnx", err);
}

/* Files with weights are opened anew, by their names. */
static bool check_weights(const struct graph *graph,
                          const struct variants_source *source,
                          struct error *err)
{
    return graph->weight_files == source->network->graph.weight_files ||
           fail_changed("a file with weights", err);
}

static bool read_unchanged(struct network *network,
                           const struct variants_source *source,
                           const struct network_options *options,
                           struct error *err)
{
    if (!check_file(source, err))
        return false;
    if (network_read_file(network, source->fd, options, err))
        return check_file(source, err);
    return err->kind == ERROR_IO && error_prefix(err, "model.onnx");
}

bool variants_make_read(struct network *network,
                        const struct variants_source *source,
                        enum network_pass last, struct error *err)
{
    const struct network_options options = {
        .input = source->input, .keep_outputs = true, .last = last};
    struct error why = {0};

    if (read_unchanged(network, source, &options, &why))
        return true;
    /* It has been read once and has not changed: a lack of memory looks like a
     * broken file to protobuf-c. */
    if (why.kind == ERROR_INPUT)
        return fail(err, ERROR_MEMORY, "not enough memory for a network");
    return fail(err, why.kind, "%s", why.text);
}

/* ---- making one ---- */

/* Lets what takes the value that node `first` transposes take `back` instead,
 * and moves what makes that behind what makes the value. */
static void take_instead(struct graph *graph, size_t first, int back)
{
    int value = graph->nodes[first].inputs[0];
    struct graph_users users = {0};

    graph_users_find(&users, graph);
    graph_users_replace(&users, value, back);
    graph_users_release(&users);
    graph->nodes[first].inputs[0] = value;
    graph_move_nodes(graph, first, (size_t)graph->values[value].producer + 1);
}

static bool find_logits(struct variant *made, const char *name,
                        struct error *err)
{
    made->logits = graph_find(&made->graph, name);
    return made->logits != GRAPH_NONE ||
           fail(err, ERROR_INTERNAL, "the logits \"%.100s\" cannot be found",
                name);
}

/* Finds the layer. If it is stored as (1, H, W, C) in the file, it is
 * transposed to (1, C, H, W), like all others, and back again for what takes
 * it. */
static bool find_layer(struct variant *made, size_t index, struct error *err)
{
    const struct graph_node node =
        graph_build_node(GRAPH_TRANSPOSE, "layer", "Transpose");
    struct graph *graph = &made->graph;
    struct layers layers = {0};
    size_t num_nodes = graph->num_nodes;
    bool is_nhwc;
    int back;

    if (!layers_find(&layers, graph, graph->outputs[0], err))
        return false;
    assert(index < layers.count);
    made->features = layers.list[index].value;
    is_nhwc = layers.list[index].is_nhwc;
    layers_release(&layers);
    if (!is_nhwc)
        return true;
    made->features = graph_build_transpose(graph, &node, made->features,
                                           (size_t[]){0, 3, 1, 2}, err);
    back = made->features == GRAPH_NONE
               ? GRAPH_NONE
               : graph_build_transpose(graph, &node, made->features,
                                       (size_t[]){0, 2, 3, 1}, err);
    if (back == GRAPH_NONE)
        return false;
    take_instead(graph, num_nodes, back);
    return true;
}

/* The image -> the layer's features. */
static bool make_lower(struct variant *made, struct error *err)
{
    struct graph *graph = &made->graph;

    made->seed = made->logits = made->gradient = GRAPH_NONE;
    if (!graph_set_outputs(graph, &made->features, 1, err))
        return false;
    graph_prune(graph);
    return true;
}

/* The layer's features -> the logits. */
static bool cut(struct variant *made, struct error *err)
{
    struct graph *graph = &made->graph;

    if (!graph_cut(graph, made->features, err))
        return false;
    if (graph->inputs[0] != made->image)
        made->image = GRAPH_NONE;
    return true;
}

/* Sets the gradient of `wanted`, in the order of axes that graph_layout turns
 * every output from: (1, C, H, W). */
static bool turn_gradient(struct variant *made, int gradient, int wanted,
                          struct error *err)
{
    const struct graph_node transpose =
        graph_build_node(GRAPH_TRANSPOSE, "gradient", "Transpose");
    struct graph *graph = &made->graph;

    made->gradient = graph_layout_is_nhwc(&graph->values[wanted])
                         ? graph_build_transpose(graph, &transpose, gradient,
                                                 (size_t[]){0, 3, 1, 2}, err)
                         : gradient;
    return made->gradient != GRAPH_NONE;
}

/* Adds the gradient of `wanted`; forward nodes that it does not need go. */
static bool add_gradient(struct variant *made, int wanted,
                         enum gradient_rule rule, struct error *err)
{
    struct graph *graph = &made->graph;
    const struct gradient_options options = {.source = made->logits,
                                             .wanted = &wanted,
                                             .num_wanted = 1,
                                             .rule = rule};

    if (!gradient_append(graph, &options, err))
        return false;
    made->seed = graph->inputs[graph->num_inputs - 1];
    if (!turn_gradient(made, graph->outputs[graph->num_outputs - 1], wanted,
                       err))
        return false;
    made->logits = GRAPH_NONE;
    if (!graph_set_outputs(graph, &made->gradient, 1, err))
        return false;
    graph_prune(graph);
    return true;
}

/* Where the value's clamp, or that of what it only moves, is lifted. Nothing
 * else in the graph may depend on it. */
static void lift_clamp(struct graph *graph, int value)
{
    int producer = graph->values[value].producer;

    while (producer != GRAPH_NONE &&
           (graph->nodes[producer].op == GRAPH_TRANSPOSE ||
            graph->nodes[producer].op == GRAPH_RESHAPE))
        producer = graph->values[graph->nodes[producer].inputs[0]].producer;
    if (producer == GRAPH_NONE)
        return;
    graph->nodes[producer].min = -INFINITY;
    graph->nodes[producer].max = INFINITY;
}

/* The image -> the source, and the gradient of the image. */
static bool make_ascent(struct variant *made, const struct variant_key *key,
                        struct error *err)
{
    struct graph *graph = &made->graph;
    const bool is_layer = key->layer != VARIANT_LOGITS;
    int source = is_layer ? made->features : made->logits;
    const struct gradient_options options = {.source = source,
                                             .wanted = &made->image,
                                             .num_wanted = 1,
                                             .rule = key->rule};

    if (!graph_set_outputs(graph, &source, 1, err))
        return false;
    graph_prune(graph);
    if (is_layer)
        lift_clamp(graph, source);
    if (!gradient_append(graph, &options, err))
        return false;
    made->seed = graph->inputs[graph->num_inputs - 1];
    /* (1, C, H, W), whatever its shape looks like. */
    graph->values[made->seed].is_cut = true;
    return turn_gradient(made, graph->outputs[1], made->image, err) &&
           graph_set_outputs(graph, (int[]){source, made->gradient}, 2, err);
}

static bool change(struct variant *made, const struct variant_key *key,
                   struct error *err)
{
    graph_round(&made->graph);
    if (key->kind == VARIANT_LOWER)
        return make_lower(made, err);
    if (!graph_set_outputs(&made->graph, &made->logits, 1, err))
        return false;
    graph_prune(&made->graph);
    if (key->kind == VARIANT_ASCENT)
        return make_ascent(made, key, err);
    if (key->kind == VARIANT_GRADIENT)
        return add_gradient(made, made->image, key->rule, err);
    if (!cut(made, err))
        return false;
    if (key->kind == VARIANT_UPPER) {
        made->seed = made->gradient = GRAPH_NONE;
        return true;
    }
    return add_gradient(made, made->features, key->rule, err);
}

/* Shares the weights that the model's own network has as well. */
static void share_weights(struct graph *graph, const struct graph *from)
{
    enum { SMALL = 256 };

    for (size_t v = 0; v < graph->num_values; v++) {
        struct graph_value *value = &graph->values[v];
        size_t count = value->data ? graph_shape_count(&value->shape) : 0;
        size_t len = count * sizeof(float);

        if (count < SMALL || value->type != GRAPH_FLOAT)
            continue;
        for (size_t o = 0; o < from->num_values; o++) {
            const struct graph_value *other = &from->values[o];

            if (other->data && other->type == GRAPH_FLOAT &&
                graph_shape_count(&other->shape) == count &&
                memcmp(other->data, value->data, len) == 0) {
                graph_adopt_constant(value, other);
                break;
            }
        }
    }
}

/* The numbers of values are those of the graph before graph_layout; it keeps
 * those of inputs, and outputs stay in their order. */
static bool lay_out(struct variant *made, const struct variants_source *source,
                    const struct plan *const *others, size_t num_others,
                    struct error *err)
{
    struct graph *graph = &made->graph;
    const bool is_ascent =
        made->gradient != GRAPH_NONE && graph->num_outputs > 1;
    int *result = is_ascent                      ? &made->features
                  : made->gradient != GRAPH_NONE ? &made->gradient
                  : made->logits != GRAPH_NONE   ? &made->logits
                                                 : &made->features;

    if (!plan_layout(graph, err))
        return false;
    *result = graph->outputs[0];
    if (is_ascent)
        made->gradient = graph->outputs[1];
    share_weights(graph, &source->network->graph);
    made->plan = plan_new_sharing(graph, NULL, others, num_others, err);
    return made->plan != NULL;
}

bool variants_make(struct variant *made, const struct variants_source *source,
                   const struct variant_key *key,
                   const struct plan *const *others, size_t num_others,
                   const struct cancel *cancel, struct error *err)
{
    struct network network = {0};
    bool ok = variants_make_read(&network, source, NETWORK_FOLD, err);

    made->graph = network.graph;
    if (!ok || !check_weights(&made->graph, source, err))
        return false;
    made->image = made->graph.inputs[0];
    made->features = GRAPH_NONE;
    return cancel_check_kept(cancel, err) &&
           find_logits(made, source->logits, err) &&
           (key->kind == VARIANT_GRADIENT || key->layer == VARIANT_LOGITS ||
            find_layer(made, key->layer, err)) &&
           change(made, key, err) && cancel_check_kept(cancel, err) &&
           lay_out(made, source, others, num_others, err);
}

/* ---- how much memory it takes ---- */

/* Weights of a window of several pixels, (O, kh, kw, I) in a network that is
 * laid out, are (O, I, kh, kw) in the file. */
void variants_make_count(struct variants_source *source)
{
    const struct graph *graph = &source->network->graph;

    for (size_t v = 0; v < graph->num_values; v++) {
        const struct graph_shape *shape = &graph->values[v].shape;
        size_t len = graph->values[v].data
                         ? graph_shape_count(shape) * sizeof(float)
                         : 0;

        source->weights_len += len;
        if (shape->rank > 3 && shape->dim[1] * shape->dim[2] > 1)
            source->moved_len += len;
    }
}

/* About how much memory making a variant takes, in bytes. First there are at
 * most the file and its weights: a file without large constants is read whole.
 * For a gradient there are then weights in up to three orders: as in the file,
 * and as the way there and the way back read them; and at last those of the way
 * back, packed. Those of the way there are the network's own, unless that
 * computes with integers. A third is for the rest. */
size_t variants_make_len(const struct variants_source *source,
                         const struct variant_key *key)
{
    const struct plan *own = source->network->plan;
    const size_t weights = source->weights_len;
    size_t file = (size_t)source->file.st_size, more = source->moved_len;

    if (key->kind != VARIANT_LOWER && key->kind != VARIANT_UPPER) {
        more += weights;
        if (more < plan_packed_len(own))
            more = plan_packed_len(own);
    }
    if (plan_num_int8(own) > 0)
        more += weights;
    return weights + weights / 3 + (file > more ? file : more);
}
