#include "engine/network/tensors.h"

#include <stdlib.h>
#include <string.h>

#include "engine/network/network.h"

struct tensors_network {
    struct network network;
    struct team *team;            /* owned */
    struct plan_session *session; /* owned */
    size_t num_outputs;           /* of the file; the features may follow */
    struct tensors_output
        *made; /* (num_outputs + 1) the last one is for the features; owned */
    float **converted; /* (num_outputs + 1) elements converted for the caller,
                          or NULL if the session's can be used; owned */
};

/* ---- opening ---- */

/* Makes the bindings of the file's inputs; inputs of the graph have no data. */
static bool read_file(struct tensors_network *tensors, const uint8_t *bytes,
                      size_t len, const struct tensors_input *inputs,
                      size_t num_inputs, const char *folder, struct error *err)
{
    struct onnx_binding *bindings = calloc(num_inputs + 1, sizeof *bindings);
    struct network_options options = {
        .input = {.folder = folder},
        .num_tensors = num_inputs,
        .keep_outputs = true,
    };
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
    options.tensors = bindings;
    ok = network_read(&tensors->network, bytes, len, &options, err) &&
         network_plan(&tensors->network, PRECISION_FP32, err);
    free(bindings);
    return ok;
}

/* Allocates the descriptions of the outputs. */
static bool count_outputs(struct tensors_network *tensors, struct error *err)
{
    const struct network *network = &tensors->network;
    bool has_features = network->head.features != GRAPH_NONE;

    tensors->num_outputs = network->graph.num_outputs - has_features;
    tensors->made = calloc(tensors->num_outputs + 1, sizeof *tensors->made);
    tensors->converted =
        calloc(tensors->num_outputs + 1, sizeof *tensors->converted);
    return (tensors->made && tensors->converted) ||
           fail(err, ERROR_MEMORY, "not enough memory for the outputs");
}

/* Describes output i of the graph; *converted gets memory for its elements if
 * they must be converted. */
static bool describe(struct tensors_network *tensors, size_t i,
                     struct error *err)
{
    const struct graph *graph = &tensors->network.graph;
    const struct graph_value *value = &graph->values[graph->outputs[i]];
    struct tensors_output *output = &tensors->made[i];
    size_t count = graph_shape_count(&value->shape);
    bool is_features = i == tensors->num_outputs;

    output->name = is_features ? "features" : graph->output_names[i];
    output->shape = value->shape;
    output->values = plan_session_data(tensors->session, graph->outputs[i]);
    if (is_features) {
        output->shape.dim[1] = value->shape.dim[3];
        output->shape.dim[2] = value->shape.dim[1];
        output->shape.dim[3] = value->shape.dim[2];
    }
    if (!is_features && value->type == GRAPH_FLOAT)
        return true;
    tensors->converted[i] = calloc(count + 1, sizeof(float));
    if (!tensors->converted[i])
        return fail(err, ERROR_MEMORY, "not enough memory for %zu elements",
                    count);
    for (size_t e = 0; value->type == GRAPH_INT && e < count; e++)
        tensors->converted[i][e] = (float)graph_ints(value)[e];
    output->values = tensors->converted[i];
    return true;
}

/* Copies the data of the graph's inputs. */
static bool fill_inputs(struct tensors_network *tensors,
                        const struct tensors_input *inputs, size_t num_inputs,
                        struct error *err)
{
    const struct graph *graph = &tensors->network.graph;
    size_t next = 0;

    for (size_t i = 0; i < graph->num_inputs; i++) {
        const struct graph_value *value = &graph->values[graph->inputs[i]];
        const struct npy *array = NULL;

        for (size_t j = 0; !array && j < num_inputs; j++)
            if (inputs[j].name && strcmp(inputs[j].name, value->name) == 0)
                array = inputs[j].array;
        while (!array && next < num_inputs) {
            const struct tensors_input *input = &inputs[next++];

            if (!input->name && !input->is_constant &&
                input->array->type == GRAPH_FLOAT)
                array = input->array;
        }
        if (!array)
            return fail(err, ERROR_INTERNAL,
                        "no array was found for the input \"%.100s\"",
                        value->name);
        memcpy(plan_session_data(tensors->session, graph->inputs[i]),
               array->data, graph_shape_count(&value->shape) * sizeof(float));
    }
    return true;
}

struct tensors_network *tensors_new(const uint8_t *bytes, size_t len,
                                    const struct tensors_input *inputs,
                                    size_t num_inputs, const char *folder,
                                    unsigned num_threads, struct error *err)
{
    struct tensors_network *tensors = calloc(1, sizeof *tensors);
    bool ok = false;

    if (!tensors) {
        fail(err, ERROR_MEMORY, "not enough memory for a network");
        return NULL;
    }
    if (!read_file(tensors, bytes, len, inputs, num_inputs, folder, err) ||
        !count_outputs(tensors, err))
        goto out;
    tensors->team = team_new(num_threads, err);
    if (tensors->team)
        tensors->session =
            plan_session_new(tensors->network.plan, tensors->team, err);
    ok = tensors->session && fill_inputs(tensors, inputs, num_inputs, err);
    for (size_t i = 0; ok && i < tensors->network.graph.num_outputs; i++)
        ok = describe(tensors, i, err);
out:
    if (!ok) {
        tensors_free(tensors);
        tensors = NULL;
    }
    return tensors;
}

/* ---- running ---- */

/* Converts (height, width, channels) to (channels, height, width). */
static void to_planes(float *restrict planes, const float *restrict pixels,
                      size_t channels, size_t num_pixels)
{
    for (size_t c = 0; c < channels; c++)
        for (size_t p = 0; p < num_pixels; p++)
            planes[c * num_pixels + p] = pixels[p * channels + c];
}

bool tensors_run(struct tensors_network *tensors, struct error *err)
{
    const struct graph_shape *shape;

    if (!plan_session_run(tensors->session, err))
        return false;
    if (tensors->network.graph.num_outputs > tensors->num_outputs) {
        shape = &tensors->made[tensors->num_outputs].shape;
        to_planes(
            tensors->converted[tensors->num_outputs],
            plan_session_data(tensors->session, tensors->network.head.features),
            shape->dim[1], shape->dim[2] * shape->dim[3]);
    }
    return true;
}

size_t tensors_num_outputs(const struct tensors_network *tensors)
{
    return tensors->num_outputs;
}

void tensors_output(const struct tensors_network *tensors, size_t i,
                    struct tensors_output *output)
{
    *output = tensors->made[i];
}

void tensors_head(const struct tensors_network *tensors,
                  struct tensors_head *head)
{
    *head = (struct tensors_head){
        .name = tensors->network.head.name,
        .refusal = tensors->network.head.refusal,
        .num_classes = tensors->network.head.num_classes,
    };
}

bool tensors_features(const struct tensors_network *tensors,
                      struct tensors_output *output)
{
    if (tensors->network.graph.num_outputs == tensors->num_outputs)
        return false;
    *output = tensors->made[tensors->num_outputs];
    return true;
}

void tensors_free(struct tensors_network *tensors)
{
    if (!tensors)
        return;
    for (size_t i = 0; tensors->converted && i <= tensors->num_outputs; i++)
        free(tensors->converted[i]);
    plan_session_free(tensors->session);
    team_free(tensors->team);
    network_release(&tensors->network);
    free(tensors->converted);
    free(tensors->made);
    free(tensors);
}
