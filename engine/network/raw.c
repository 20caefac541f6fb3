#include "engine/network/raw.h"

#include <stdlib.h>
#include <string.h>

#include "engine/onnx/onnx.h"
#include "engine/passes/head.h"
#include "engine/run/plan.h"

struct raw {
    struct graph graph;
    struct plan *plan;            /* owned */
    struct team *team;            /* owned */
    struct plan_session *session; /* owned */
    struct head head;
    bool has_head;
    const char **names;      /* (num_outputs) as the file has them; owned */
    size_t num_outputs;      /* of the file; the features may follow */
    struct raw_output *made; /* (num_outputs + 1) the last one is of the
                                features; owned */
    float **converted;       /* (num_outputs + 1) elements that are not in the
                                session as the caller wants them, or NULL;
                                owned */
};

/* ---- opening ---- */

/* Binds the file's inputs: graph inputs have no data. */
static bool read_file(struct raw *raw, const uint8_t *bytes, size_t len,
                      const struct raw_input *inputs, size_t num_inputs,
                      const char *folder, struct error *err)
{
    struct onnx_binding *bindings = calloc(num_inputs + 1, sizeof *bindings);
    bool ok;

    if (!bindings)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu inputs",
                    num_inputs);
    for (size_t i = 0; i < num_inputs; i++) {
        const struct npy *array = inputs[i].array;
        bool is_constant = inputs[i].is_constant || array->type == GRAPH_INT;

        bindings[i] = (struct onnx_binding){
            .name = inputs[i].name,
            .type = array->type,
            .shape = array->shape,
            .data = is_constant ? array->data : NULL,
        };
    }
    ok = onnx_read_raw(&raw->graph, bytes, len, bindings, num_inputs, folder,
                       err);
    free(bindings);
    return ok;
}

/* Keeps the outputs' names, which folding may change. */
static bool name_outputs(struct raw *raw, struct error *err)
{
    const struct graph *graph = &raw->graph;

    raw->names = calloc(graph->num_outputs, sizeof *raw->names);
    raw->made = calloc(graph->num_outputs + 1, sizeof *raw->made);
    raw->converted = calloc(graph->num_outputs + 1, sizeof *raw->converted);
    if (!raw->names || !raw->made || !raw->converted)
        return fail(err, ERROR_MEMORY, "not enough memory for the outputs");
    raw->num_outputs = graph->num_outputs;
    for (size_t i = 0; i < graph->num_outputs; i++)
        raw->names[i] = graph->values[graph->outputs[i]].name;
    return true;
}

/* Looks for a head, and makes its feature map an output. */
static bool find_head(struct raw *raw, struct error *err)
{
    struct graph *graph = &raw->graph;
    int *outputs;

    raw->has_head = head_find(&raw->head, graph, NULL);
    if (!raw->has_head || raw->head.features == GRAPH_NONE)
        return true;
    outputs =
        realloc(graph->outputs, (graph->num_outputs + 1) * sizeof *outputs);
    if (!outputs)
        return fail(err, ERROR_MEMORY, "not enough memory for the outputs");
    graph->outputs = outputs;
    outputs[graph->num_outputs++] = raw->head.features;
    return true;
}

/* Describes output i of the graph; *converted is room for its elements where
 * the session does not hold them as they are wanted. */
static bool describe(struct raw *raw, size_t i, struct error *err)
{
    const struct graph_value *value = &raw->graph.values[raw->graph.outputs[i]];
    struct raw_output *output = &raw->made[i];
    size_t count = graph_shape_count(&value->shape);
    bool is_features = i == raw->num_outputs;

    output->name = is_features ? "features" : raw->names[i];
    output->shape = value->shape;
    output->values = plan_session_data(raw->session, raw->graph.outputs[i]);
    if (is_features) {
        output->shape.dim[1] = value->shape.dim[3];
        output->shape.dim[2] = value->shape.dim[1];
        output->shape.dim[3] = value->shape.dim[2];
    }
    if (!is_features && value->type == GRAPH_FLOAT)
        return true;
    raw->converted[i] = calloc(count + 1, sizeof(float));
    if (!raw->converted[i])
        return fail(err, ERROR_MEMORY, "not enough memory for %zu elements",
                    count);
    for (size_t e = 0; value->type == GRAPH_INT && e < count; e++)
        raw->converted[i][e] = (float)graph_ints(value)[e];
    output->values = raw->converted[i];
    return true;
}

/* Copies the inputs that are the graph's. */
static bool fill_inputs(struct raw *raw, const struct raw_input *inputs,
                        size_t num_inputs, struct error *err)
{
    const struct graph *graph = &raw->graph;
    size_t next = 0;

    for (size_t i = 0; i < graph->num_inputs; i++) {
        const struct graph_value *value = &graph->values[graph->inputs[i]];
        const struct npy *array = NULL;

        for (size_t j = 0; !array && j < num_inputs; j++)
            if (inputs[j].name && strcmp(inputs[j].name, value->name) == 0)
                array = inputs[j].array;
        while (!array && next < num_inputs) {
            const struct raw_input *input = &inputs[next++];

            if (!input->name && !input->is_constant &&
                input->array->type == GRAPH_FLOAT)
                array = input->array;
        }
        if (!array)
            return fail(err, ERROR_INTERNAL,
                        "no array was found for the input \"%.100s\"",
                        value->name);
        memcpy(plan_session_data(raw->session, graph->inputs[i]), array->data,
               graph_shape_count(&value->shape) * sizeof(float));
    }
    return true;
}

struct raw *raw_new(const uint8_t *bytes, size_t len,
                    const struct raw_input *inputs, size_t num_inputs,
                    const char *folder, unsigned num_threads, struct error *err)
{
    struct raw *raw = calloc(1, sizeof *raw);
    bool ok = false;

    if (!raw) {
        fail(err, ERROR_MEMORY, "not enough memory for a network");
        return NULL;
    }
    if (!read_file(raw, bytes, len, inputs, num_inputs, folder, err) ||
        !name_outputs(raw, err) || !graph_infer(&raw->graph, err) ||
        !graph_fold(&raw->graph, err) || !graph_layout(&raw->graph, err) ||
        !find_head(raw, err))
        goto out;
    raw->plan = plan_new(&raw->graph, err);
    if (!raw->plan)
        goto out;
    raw->team = team_new(num_threads, err);
    if (raw->team)
        raw->session = plan_session_new(raw->plan, raw->team, err);
    ok = raw->session && fill_inputs(raw, inputs, num_inputs, err);
    for (size_t i = 0; ok && i < raw->graph.num_outputs; i++)
        ok = describe(raw, i, err);
out:
    if (!ok) {
        raw_free(raw);
        raw = NULL;
    }
    return raw;
}

/* ---- running ---- */

/* (height, width, channels) to (channels, height, width). */
static void to_planes(float *restrict planes, const float *restrict pixels,
                      size_t channels, size_t num_pixels)
{
    for (size_t c = 0; c < channels; c++)
        for (size_t p = 0; p < num_pixels; p++)
            planes[c * num_pixels + p] = pixels[p * channels + c];
}

bool raw_run(struct raw *raw, struct error *err)
{
    const struct graph_shape *shape;

    if (!plan_session_run(raw->session, err))
        return false;
    if (raw->graph.num_outputs > raw->num_outputs) {
        shape = &raw->made[raw->num_outputs].shape;
        to_planes(raw->converted[raw->num_outputs],
                  plan_session_data(raw->session, raw->head.features),
                  shape->dim[1], shape->dim[2] * shape->dim[3]);
    }
    return true;
}

size_t raw_num_outputs(const struct raw *raw)
{
    return raw->num_outputs;
}

void raw_output(const struct raw *raw, size_t i, struct raw_output *output)
{
    *output = raw->made[i];
}

void raw_head(const struct raw *raw, struct raw_head *head)
{
    *head = (struct raw_head){0};
    if (raw->has_head)
        *head = (struct raw_head){
            .name = raw->head.name,
            .refusal = raw->head.refusal,
            .num_classes = raw->head.num_classes,
        };
}

bool raw_features(const struct raw *raw, struct raw_output *output)
{
    if (raw->graph.num_outputs == raw->num_outputs)
        return false;
    *output = raw->made[raw->num_outputs];
    return true;
}

void raw_free(struct raw *raw)
{
    if (!raw)
        return;
    for (size_t i = 0; raw->converted && i <= raw->num_outputs; i++)
        free(raw->converted[i]);
    plan_session_free(raw->session);
    team_free(raw->team);
    plan_free(raw->plan);
    free(raw->converted);
    free(raw->made);
    free(raw->names);
    graph_release(&raw->graph);
    free(raw);
}
