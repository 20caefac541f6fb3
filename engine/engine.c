#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine_internal.h"
#include "engine/engine_object.h"
#include "engine/model/model_dir.h"
#include "engine/network/network.h"
#include "engine/run/plan.h"
#include "engine/xnn/xnnrun.h"

/* ---- the model ---- */

bool engine_options_parse_size(struct engine_options *options, const char *text,
                               struct error *err)
{
    uint32_t sides[2] = {0};
    size_t num = 0;

    options->input_width = options->input_height = 0;
    if (strcmp(text, "own") == 0)
        return true;
    for (const char *at = text;; at++) {
        size_t len = strspn(at, "0123456789");

        if (len < 1 || len > 4 || num == 2)
            break;
        sides[num] = (uint32_t)strtoul(at, NULL, 10);
        if (sides[num] < 1 || sides[num] > PREPROCESS_MAX_SIDE)
            break;
        num++;
        at += len;
        if (*at == '\0') {
            options->input_width = sides[0];
            options->input_height = sides[num - 1];
            return true;
        }
        if (*at != 'x')
            break;
    }
    return fail(err, ERROR_INPUT,
                "\"%.40s\" is not a valid input size (such as 448 or 160x80); "
                "sides are from 1 to %d",
                text, PREPROCESS_MAX_SIDE);
}

bool engine_options_parse_precision(struct engine_options *options,
                                    const char *text, struct error *err)
{
    static const char *const names[] = {
#define X(precision, name) [precision] = name,
        PRECISION_CHOICES(X)
#undef X
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0) {
            options->precision = (enum precision_choice)i;
            return true;
        }
    return fail(err, ERROR_INPUT, "\"%.40s\" is not fp32, int8 or auto", text);
}

/* Reads model.onnx into the engine's graph and head. */
static bool read_network(struct engine *engine, const char *folder,
                         bool override, struct error *err)
{
    const struct preprocess_spec *spec = &engine->model_dir.input;
    const struct model_dir *model_dir = &engine->model_dir;
    struct network_options options = {
        .input =
            {
                .width = spec->width,
                .height = spec->height,
                .override = override,
                .folder = folder,
                .output = model_dir->output,
            },
        .wish = {.scores = model_dir->scores,
                 .num_names = model_dir->labels.count},
    };
    int fd = buf_open_file(model_dir->onnx_path, err);
    bool ok = fd >= 0 && network_read_file(&engine->network, fd, &options, err);

    if (ok)
        engine->variants = variants_new(fd, &options, &engine->network, err);
    else if (fd >= 0)
        close(fd);
    return ok && engine->variants;
}

/* Sets the input size, which model.json may have left to the file. */
static bool read_size(struct preprocess_spec *spec, const struct graph *graph,
                      struct error *err)
{
    const struct graph_shape *shape = &graph->values[graph->inputs[0]].shape;

    if (shape->dim[1] > PREPROCESS_MAX_SIDE ||
        shape->dim[2] > PREPROCESS_MAX_SIDE)
        return fail(err, ERROR_LIMIT,
                    "it takes images of %zu x %zu pixels; sides of at most %d "
                    "are supported",
                    shape->dim[2], shape->dim[1], PREPROCESS_MAX_SIDE);
    if (spec->grey != (shape->dim[3] == 1))
        return fail(err, ERROR_INPUT,
                    "it takes %zu-channel images, not %d-channel ones; set "
                    "input.channels in model.json to \"L\" for one channel or "
                    "\"RGB\" for three",
                    shape->dim[3], spec->grey ? 1 : 3);
    spec->height = (uint32_t)shape->dim[1];
    spec->width = (uint32_t)shape->dim[2];
    return true;
}

/* Sets mean and deviation for a network that takes samples without
 * normalization. */
static bool read_bytes(struct model_dir *model_dir, struct error *err)
{
    struct preprocess_spec *spec = &model_dir->input;

    for (int c = 0; c < (spec->grey ? 1 : 3); c++) {
        if (model_dir->is_assumed) {
            spec->mean[c] = 0;
            spec->std[c] = 1;
        }
        if (spec->mean[c] != 0 || spec->std[c] != 1)
            return fail(err, ERROR_INPUT,
                        "its input is uint8 and takes samples from 0 to 255 "
                        "unchanged: mean must be 0 and std 1, not %g and %g",
                        (double)spec->mean[c], (double)spec->std[c]);
    }
    return true;
}

/* Turns the file's graph into one that is ready to run. */
static bool prepare_graph(struct engine *engine, const char *folder,
                          bool override, enum precision_choice precision,
                          struct error *err)
{
    static const struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    const struct graph *graph = &engine->network.graph;
    struct explain_task task;

    if (!read_network(engine, folder, override, err) ||
        !read_size(&engine->model_dir.input, graph, err) ||
        (graph->takes_bytes && !read_bytes(&engine->model_dir, err)))
        return false;
    engine_task(&task, engine, &request);
    engine->method = explain_choose(&engine->refusal, &task);
    return network_plan(&engine->network, precision, err);
}

/* Reads and plans the network, for another input size if one is requested. */
static bool open_network(struct engine *engine, const char *folder,
                         const struct engine_options *options,
                         struct error *err)
{
    struct preprocess_spec *spec = &engine->model_dir.input;
    bool override =
        options && options->input_width > 0 && options->input_height > 0;

    if (override) {
        spec->width = options->input_width;
        spec->height = options->input_height;
    }
    if (prepare_graph(engine, folder, override,
                      options ? options->precision : PRECISION_FP32, err))
        return true;
    if (override)
        error_prefix(
            err, "with an input of %u x %u pixels instead of the model's own",
            options->input_width, options->input_height);
    return error_prefix(err, "model.onnx");
}

struct engine *engine_open(const char *folder,
                           const struct engine_options *options,
                           struct error *err)
{
    struct engine *engine = calloc(1, sizeof *engine);
    size_t num_labels;
    bool ok = false;

    if (!engine) {
        fail(err, ERROR_MEMORY, "not enough memory for a model");
        return NULL;
    }
    if (!model_dir_open(&engine->model_dir, folder, err) ||
        !open_network(engine, folder, options, err))
        goto out;
    num_labels = engine->model_dir.labels.count;
    if (num_labels > 0 && num_labels != engine->network.head.num_classes) {
        fail(err, ERROR_INPUT,
             "labels.txt has %zu classes, but the network has %zu", num_labels,
             engine->network.head.num_classes);
        goto out;
    }
    ok = true;
out:
    if (!ok) {
        engine_free(engine);
        engine = NULL;
    }
    return engine;
}

/* The part of a gradient or a fall that is hidden: what preprocessing maps to
 * 0, or mid-grey where it subtracts nothing. */
static void set_baseline(float baseline[3], const struct preprocess_spec *spec)
{
    bool subtracts = false;

    for (int c = 0; c < 3; c++)
        subtracts |= spec->mean[c] != 0;
    for (int c = 0; c < 3; c++)
        baseline[c] = subtracts ? 0 : 127.5f / (float)spec->std[c];
}

void engine_info(const struct engine *engine, struct engine_info *info)
{
    const struct head *head = &engine->network.head;
    const struct layers *layers = &engine->network.layers;

    *info = (struct engine_info){
        .name = engine->model_dir.name,
        .file = engine->model_dir.onnx_path,
        .source = engine->model_dir.source,
        .license = engine->model_dir.license,
        .input_width = engine->model_dir.input.width,
        .input_height = engine->model_dir.input.height,
        .num_classes = head->num_classes,
        .head = head->name,
        .output = head->output,
        .scores = head_scores_name(head->scores),
        .is_exclusive = head->scores == HEAD_SOFTMAX || head->is_pair,
        .method = engine->method ? explain_method_name(engine->method) : NULL,
        .refusal = engine->refusal,
        .precision = plan_num_int8(engine->network.plan) > 0 ? "int8" : "fp32",
        .box = engine->model_dir.box.is_given ? &engine->model_dir.box : NULL,
        .runtime = xnnrun_generation(),
        .input_channels = engine->model_dir.input.grey ? 1 : 3,
    };
    set_baseline(info->baseline, &engine->model_dir.input);
    if (layers->chosen < layers->count) {
        info->map_height = layers->list[layers->chosen].height;
        info->map_width = layers->list[layers->chosen].width;
        info->num_features = layers->list[layers->chosen].channels;
    }
}

const struct layers *engine_layers(const struct engine *engine)
{
    return &engine->network.layers;
}

const char *engine_class_id(const struct engine *engine, size_t index)
{
    const struct labels *labels = &engine->model_dir.labels;

    return index < labels->count ? labels->ids[index] : NULL;
}

const char *engine_class_label(const struct engine *engine, size_t index)
{
    const struct labels *labels = &engine->model_dir.labels;

    return index < labels->count ? labels->names[index] : NULL;
}

bool engine_find_class(const struct engine *engine, size_t *index,
                       const char *text)
{
    return labels_find(index, &engine->model_dir.labels,
                       engine->network.head.num_classes, text);
}

bool engine_find_layer(const struct engine *engine, size_t *index,
                       const char *text, struct error *err)
{
    return layers_choose(index, &engine->network.layers, text, err);
}

/* ---- requests ---- */

/* The number of classes that a request explains, at most. */
static size_t count_maps(const struct explain_request *request)
{
    size_t count = 0;

    for (size_t i = 0; i < request->num_classes; i++)
        count += request->classes[i] == EXPLAIN_TOP ? request->top : 1;
    return count < 1 || request->only_heatmap ? 1
           : count > EXPLAIN_MAX_CLASSES      ? EXPLAIN_MAX_CLASSES
                                              : count;
}

void engine_task(struct explain_task *task, const struct engine *engine,
                 const struct explain_request *request)
{
    const struct network *network = &engine->network;
    const struct layers *layers = &network->layers;
    size_t layer = request->layer == EXPLAIN_LAYER_DEFAULT ? layers->chosen
                                                           : request->layer;

    *task = (struct explain_task){
        .network = network,
        .layer = layer < layers->count ? &layers->list[layer] : NULL,
        .value = layer == layers->chosen ? network->layer_value : GRAPH_NONE,
        .target = request->target,
        .num_maps = count_maps(request),
        .parameters = request->parameters,
        .keeps_colours = request->style.kind == RENDER_COLOURS,
    };
    task->is_closed = head_is_closed(&network->head, task->value);
    set_baseline(task->baseline, &engine->model_dir.input);
}

/* The method of a request, or NULL. *why says what explain_choose does, or why
 * the method that is requested is not defined. */
static const struct explain_method *
choose(const char **why, const struct explain_request *request,
       const struct explain_task *task)
{
    if (!request->method)
        return explain_choose(why, task);
    *why = request->method->refuse(task);
    return request->method;
}

bool engine_method(const struct explain_method **method, const char **reason,
                   const struct explain_request *request,
                   const struct explain_task *task, struct error *err)
{
    *method = choose(reason, request, task);
    return !request->method || !*reason ||
           fail(err, ERROR_UNSUPPORTED, "%s: %s", explain_method_name(*method),
                *reason);
}

const struct explain_method *
engine_choose(const struct engine *engine, const char **refusal,
              const struct explain_request *request)
{
    const struct explain_method *method;
    struct explain_task task;

    engine_task(&task, engine, request);
    method = choose(refusal, request, &task);
    if (method && !request->method)
        *refusal = NULL; /* it was the first method's */
    return method;
}

size_t engine_count_passes(const struct explain_method *method,
                           const struct explain_request *request,
                           const struct explain_task *task)
{
    return explain_passes(method, task) +
           engine_object_passes(task->network, request, method, task->num_maps);
}

bool engine_passes(const struct engine *engine, size_t *passes,
                   const struct explain_request *request, struct error *err)
{
    const struct explain_method *method;
    struct explain_task task;
    const char *reason;

    *passes = 1;
    engine_task(&task, engine, request);
    if (!engine_method(&method, &reason, request, &task, err))
        return false;
    *passes += method ? engine_count_passes(method, request, &task) : 0;
    return true;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    variants_free(engine->variants);
    network_release(&engine->network);
    model_dir_release(&engine->model_dir);
    free(engine);
}
