#include "engine/network/network.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hugepages.h"
#include "engine/network/outputs.h"
#include "engine/onnx/onnx_file.h"
#include "engine/passes/graph_round.h"
#include "engine/run/precision.h"

/* ---- the passes over a graph ---- */

static bool fold_and_lay_out(struct graph *graph, enum network_pass last,
                             struct error *err)
{
    return last == NETWORK_INFER ||
           (graph_fold(graph, err) &&
            (last == NETWORK_FOLD || plan_layout(graph, err)));
}

bool network_prepare(struct graph *graph, enum network_pass last,
                     struct error *err)
{
    return graph_infer(graph, err) && fold_and_lay_out(graph, last, err);
}

/* ---- all outputs ---- */

/* Adds the head's feature map, if there is one, to the outputs. */
static bool add_features(struct network *network, struct error *err)
{
    struct graph *graph = &network->graph;
    struct error why = {0};
    int *outputs;

    if (!head_find(&network->head, graph, &why)) {
        network->head = (struct head){.features = GRAPH_NONE};
        if (why.kind != ERROR_MEMORY)
            return true;
        return fail(err, why.kind, "%s", why.text);
    }
    if (network->head.features == GRAPH_NONE)
        return true;
    outputs =
        realloc(graph->outputs, (graph->num_outputs + 1) * sizeof *outputs);
    if (!outputs)
        return fail(err, ERROR_MEMORY, "not enough memory for the outputs");
    graph->outputs = outputs;
    outputs[graph->num_outputs++] = network->head.features;
    return true;
}

static bool read_whole(struct network *network, const uint8_t *bytes,
                       size_t len, const struct network_options *options,
                       struct error *err)
{
    struct graph *graph = &network->graph;
    bool ok = options->tensors
                  ? onnx_read_tensors(graph, bytes, len, options->tensors,
                                      options->num_tensors,
                                      options->input.folder, err)
                  : onnx_read(graph, bytes, len, &options->input, err);

    return ok && network_prepare(graph, options->last, err) &&
           (options->last != NETWORK_ALL || add_features(network, err));
}

/* ---- one output ---- */

/* Turns the first problem into the error, as without a list of problems. */
static bool fail_with(const struct graph_problems *problems, struct error *err)
{
    const struct graph_problem *first = problems->first;

    if (!first)
        return false;
    *err = first->why;
    if (*first->onnx_op)
        return error_prefix(err, "node \"%.100s\" (%.60s)", first->node,
                            first->onnx_op);
    return error_prefix(err, "the input \"%.100s\"", first->node);
}

/* Reads the file and infers shapes. Nodes that fail are ignored if an output
 * does not need them. */
static bool read_shapes(struct graph *graph, const uint8_t *bytes, size_t len,
                        const struct onnx_input *input,
                        struct graph_problems *problems, struct error *err)
{
    struct graph_problems own = {0};
    struct graph_problems *listed = problems ? problems : &own;
    bool ok;

    graph->problems = listed;
    if (!onnx_read(graph, bytes, len, input, err)) {
        *listed = (struct graph_problems){0}; /* freed with the graph */
        return false;
    }
    ok = graph_infer(graph, err);
    graph->problems = NULL;
    if (!ok && listed->count == 0)
        return false;
    if (outputs_keep_rows(graph)) {
        *listed = (struct graph_problems){0};
        *err = (struct error){0};
        return true;
    }
    if (ok)
        return true; /* head_find_at says what the output is */
    return problems ? false : fail_with(&own, err);
}

/* Runs all passes. The layers are those of a single output. */
static bool read_graph(struct network *network, const uint8_t *bytes,
                       size_t len, const struct onnx_input *input,
                       struct graph_problems *problems, struct error *err)
{
    struct graph *graph = &network->graph;

    return read_shapes(graph, bytes, len, input, problems, err) &&
           graph_fold(graph, err) &&
           (graph->num_outputs > 1 ||
            layers_find(&network->layers, graph, graph->outputs[0], err)) &&
           plan_layout(graph, err);
}

/* Reads the file again for the chosen output alone, so that nothing is kept for
 * other outputs. */
static bool keep_one_output(struct network *network, const uint8_t *bytes,
                            size_t len, const struct network_options *options,
                            struct error *err)
{
    struct graph *graph = &network->graph;
    struct onnx_input input = options->input;
    const char *name = NULL;
    char *copy;
    bool ok;

    if (!outputs_choose(&name, graph, &options->wish, err))
        return false;
    copy = name ? strdup(name) : NULL;
    if (!copy)
        return fail(err, ERROR_MEMORY, "not enough memory for a name");
    input.output = copy;
    layers_release(&network->layers);
    graph_release(graph);
    ok = read_graph(network, bytes, len, &input, options->problems, err);
    free(copy);
    return ok;
}

/* Finds the value of the default layer: the head's features, or what is stored
 * as (1, height, width, channels) under the layer's name. */
static bool find_default_layer(struct network *network, struct error *err)
{
    const struct layers *layers = &network->layers;

    network->layer_value = network->head.features;
    return network->layer_value != GRAPH_NONE ||
           layers->chosen == layers->count ||
           stage_value_of(&network->layer_value, &network->graph,
                          &layers->list[layers->chosen], err);
}

/* Makes the outputs logits, default layer, stage and the last block's features,
 * as far as there are any. */
static bool set_outputs(struct network *network, struct error *err)
{
    const struct stage *stage = &network->stage;
    const int wanted[] = {network->head.logits,  network->layer_value,
                          stage->value,          stage->finer,
                          stage->block.expanded, stage->block.deep};
    int outputs[sizeof wanted / sizeof wanted[0]];
    size_t count = 0;

    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (wanted[i] != GRAPH_NONE)
            outputs[count++] = wanted[i];
    if (!graph_set_outputs(&network->graph, outputs, count, err))
        return false;
    graph_prune(&network->graph);
    graph_round(&network->graph);
    return true;
}

static bool read_served(struct network *network, const uint8_t *bytes,
                        size_t len, const struct network_options *options,
                        struct error *err)
{
    struct graph *graph = &network->graph;
    struct head *head = &network->head;
    const char *name;

    if (!read_graph(network, bytes, len, &options->input, options->problems,
                    err) ||
        (graph->num_outputs > 1 &&
         !keep_one_output(network, bytes, len, options, err)))
        return false;
    name = graph->output_names[0];
    if (!head_find_at(head, graph, graph->outputs[0], &options->wish, err))
        return false;
    head->output = name;
    return find_default_layer(network, err) &&
           stage_find(&network->stage, graph, &network->layers, head, err) &&
           set_outputs(network, err);
}

/* ---- the network ---- */

bool network_read(struct network *network, const uint8_t *bytes, size_t len,
                  const struct network_options *options, struct error *err)
{
    struct error unseen = {0};

    assert(options->keep_outputs ? !options->problems
                                 : !options->tensors && !options->last);
    /* Some failures are examined and withdrawn, even if the caller passes NULL.
     */
    if (!err)
        err = &unseen;
    return options->keep_outputs
               ? read_whole(network, bytes, len, options, err)
               : read_served(network, bytes, len, options, err);
}

bool network_read_file(struct network *network, int fd,
                       const struct network_options *options, struct error *err)
{
    struct network_options cut = *options;
    struct onnx_file file = {0};
    bool ok =
        onnx_file_open(&file, fd, NETWORK_MAX_BYTES, ONNX_FILE_LEAST, err);

    assert(!options->tensors);
    cut.input.file = &file;
    ok = ok &&
         network_read(network, file.message.data, file.message.len, &cut, err);
    onnx_file_release(&file);
    return ok;
}

/* The constants of the head and of the stage's block: (num_values).
 * ERROR_MEMORY. */
static bool *find_kept(const struct network *network, struct error *err)
{
    const struct graph *graph = &network->graph;
    const struct head *head = &network->head;
    bool *kept = calloc(graph->num_values, sizeof *kept);

    if (!kept)
        fail(err, ERROR_MEMORY, "not enough memory for a plan");
    for (size_t v = 0; kept && v < graph->num_values; v++)
        kept[v] = (int)v == head->weights || (int)v == head->bias ||
                  (int)v == head->norm_scale || (int)v == head->norm_shift ||
                  stage_keeps(&network->stage, (int)v);
    return kept;
}

/* With floats, constants are dropped as soon as they are packed: what is packed
 * next finds their memory. */
bool network_plan(struct network *network, enum precision_choice precision,
                  struct error *err)
{
    struct graph *graph = &network->graph;
    bool *kept = find_kept(network, err);

    if (kept)
        network->plan =
            precision == PRECISION_FP32
                ? plan_new_sharing(graph, kept, NULL, 0, err)
                : precision_plan(graph, &network->head, precision, err);
    for (size_t v = 0; network->plan && v < graph->num_values; v++)
        if (graph->values[v].data && !kept[v] &&
            plan_has_copy(network->plan, (int)v))
            graph_drop_constant(&graph->values[v]);
    free(kept);
    hugepages_trim();
    return network->plan != NULL;
}

void network_release(struct network *network)
{
    plan_free(network->plan);
    layers_release(&network->layers);
    graph_release(&network->graph);
    *network = (struct network){0};
}
