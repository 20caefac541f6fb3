#include "tests/explained.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/network_file.h"
#include "tests/slopes.h"

#include <cmocka.h>

static void open_network(struct explained *explained, const char *file)
{
    char folder[256], path[512];
    const char *slash = strrchr(file, '/');
    struct network_options options = {.input = {.folder = folder}};
    struct error err = {0};

    assert_non_null(slash);
    snprintf(folder, sizeof folder, "tests/data/%.*s", (int)(slash - file),
             file);
    snprintf(path, sizeof path, "tests/data/%s.onnx", file);
    if (!network_file_read(&explained->network, path, &options, &err) ||
        !network_plan(&explained->network, PRECISION_FP32, &err))
        fail_msg("%s: %s", file, err.text);
    explained->variants = variants_new(open(path, O_RDONLY | O_CLOEXEC),
                                       &options, &explained->network, &err);
    if (!explained->variants)
        fail_msg("%s: %s", file, err.text);
}

void explained_image(struct explained *explained, const float *image)
{
    const struct head *head = &explained->network.head;
    size_t count = explained->height * explained->width * explained->channels;
    struct error err = {0};

    memmove(explained->image, image, count * sizeof *image);
    memcpy(plan_session_data(explained->session,
                             explained->network.graph.inputs[0]),
           image, count * sizeof *image);
    if (!plan_session_run(explained->session, &err))
        fail_msg("%s", err.text);
    for (size_t k = 0; k < head->num_classes; k++)
        explained->logits[k] = head_logit(
            head, plan_session_data(explained->session, head->logits), k);
}

/* Classifies the image of the reference scripts. */
static void fill_image(struct explained *explained)
{
    size_t pixels = explained->height * explained->width;
    size_t channels = explained->channels;
    float *planes = calloc(pixels * channels, sizeof *planes);

    explained->image = calloc(pixels * channels, sizeof *planes);
    explained->logits =
        calloc(explained->network.head.num_classes, sizeof(float));
    assert_non_null(planes);
    assert_non_null(explained->image);
    assert_non_null(explained->logits);
    slopes_fill_picture(planes, pixels * channels);
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++)
            explained->image[p * channels + c] = planes[c * pixels + p];
    explained_image(explained, explained->image);
    free(planes);
}

static void set_layer(struct explained *explained, size_t layer)
{
    const struct network *network = &explained->network;
    struct explain_task *task = &explained->task;

    if (layer == network->layers.count)
        return;
    task->layer = &network->layers.list[layer];
    task->value =
        layer == network->layers.chosen ? network->layer_value : GRAPH_NONE;
    task->is_closed = head_is_closed(&network->head, task->value);
}

void explained_open(struct explained *explained, const char *file,
                    unsigned num_threads)
{
    const struct graph_shape *shape;
    struct error err = {0};

    *explained =
        (struct explained){.task = {.network = &explained->network,
                                    .keeps_colours = true,
                                    .value = GRAPH_NONE,
                                    .parameters = EXPLAIN_PARAMETERS_DEFAULT}};
    open_network(explained, file);
    set_layer(explained, explained->network.layers.chosen);
    if (num_threads > 1)
        explained->team = team_new(num_threads, &err);
    explained->session =
        plan_session_new(explained->network.plan, explained->team, &err);
    if (!explained->session)
        fail_msg("%s: %s", file, err.text);
    shape = &explained->network.graph.values[explained->network.graph.inputs[0]]
                 .shape;
    explained->height = shape->dim[1];
    explained->width = shape->dim[2];
    explained->channels = shape->dim[3];
    fill_image(explained);
    explained->probe =
        probe_new(&(struct probe_source){.network = &explained->network,
                                         .variants = explained->variants,
                                         .plan = explained->session,
                                         .team = explained->team},
                  &err);
    assert_non_null(explained->probe);
}

void explained_layer(struct explained *explained, const char *name)
{
    struct error err = {0};
    size_t layer;

    if (!layers_choose(&layer, &explained->network.layers, name, &err))
        fail_msg("%s", err.text);
    set_layer(explained, layer);
}

void explained_target(struct explained *explained, enum target_kind kind,
                      size_t class_index, size_t against)
{
    explained->maps.count = 0;
    explained->task.target = kind;
    explained_add_target(explained, kind, class_index, against);
}

void explained_add_target(struct explained *explained, enum target_kind kind,
                          size_t class_index, size_t against)
{
    size_t i = explained->maps.count++;
    struct error err = {0};

    assert_true(i < EXPLAIN_MAX_CLASSES);
    assert_int_equal(kind, explained->task.target);
    explained->maps.map[i].class_index = class_index;
    explained->task.num_maps = explained->maps.count;
    if (!target_set(&explained->targets[i], kind, class_index, against,
                    &explained->network.head, explained->logits, &err))
        fail_msg("%s", err.text);
}

bool explained_ask(struct explained *explained, const char *method,
                   struct error *err)
{
    const struct explain_method *chosen = explain_method_named(method);
    const struct explain_task *task = &explained->task;
    const struct explain_input input = {
        .task = task,
        .probe = explained->probe,
        .targets = explained->targets,
        .logits = explained->logits,
    };
    size_t passes, layer;

    assert_non_null(chosen);
    assert_null(chosen->refuse(task));
    passes = explain_passes(chosen, task);
    layer = task->layer ? (size_t)(task->layer - explained->network.layers.list)
                        : 0;
    probe_forget(explained->probe); /* each is counted alone */
    probe_begin(explained->probe, layer, task->value, passes, NULL);
    if (!explain_run(&explained->maps, chosen, &input, err))
        return false;
    explained->num_passes = probe_num_passes(explained->probe);
    if (strcmp(method, "scorecam") != 0)
        assert_int_equal(explained->num_passes, passes);
    else
        assert_true(explained->num_passes <= passes);
    return true;
}

void explained_release(struct explained *explained)
{
    explain_release(&explained->maps);
    probe_free(explained->probe);
    plan_session_free(explained->session);
    variants_free(explained->variants);
    network_release(&explained->network);
    team_free(explained->team);
    free(explained->image);
    free(explained->logits);
}
