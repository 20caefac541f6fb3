/* Whole networks, small ones of every kind that the paper and today's users
 * have, as PyTorch's exporters and Keras' write them: logits, last feature map
 * and class maps against what those computed. tests/data/networks/networks.txt
 * is the list; a line is a file, the network whose reference values it has,
 * and what is expected of it, tab between:
 *
 *     NAME             the head's name; maps are compared
 *     none: TEXT       it classifies, and the refusal of maps has this text
 *     not yet: TEXT    it cannot be opened, and the error has this text
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/explain/cam.h"
#include "engine/graph/graph.h"
#include "engine/onnx/onnx.h"
#include "engine/passes/head.h"
#include "engine/run/plan.h"
#include "tests/array.h"
#include "tests/reference.h"

#include <cmocka.h>

#define NETWORKS "tests/data/networks"

/* Floats through some hundred layers, on both sides. */
#define TOLERANCE 1e-3

enum { PATH_SIZE = 512 };

static int num_wrong;

static void complain(const char *what, const char *why)
{
    print_error("%s: %s\n", what, why);
    num_wrong++;
}

/* ---- a network as the engine opens it ---- */

struct network {
    struct graph graph;
    struct head head;
    struct plan *plan;
    struct plan_session *session;
};

static void release(struct network *net)
{
    plan_session_free(net->session);
    plan_free(net->plan);
    graph_release(&net->graph);
    *net = (struct network){0};
}

/* Makes the logits and, where there are any, the features the outputs. */
static void choose_outputs(struct graph *graph, const struct head *head)
{
    struct error err = {0};

    assert_true(head_set_outputs(head, graph, &err));
}

static bool open_network(struct network *net, const char *file,
                         struct error *err)
{
    struct onnx_input size = {.folder = NETWORKS};
    struct buf buf = {0};
    char path[PATH_SIZE];
    bool ok;

    snprintf(path, sizeof path, NETWORKS "/%s.onnx", file);
    ok = buf_append_file(&buf, path, 1 << 26, err) &&
         onnx_read(&net->graph, buf.data, buf.len, &size, err) &&
         graph_infer(&net->graph, err) && graph_fold(&net->graph, err) &&
         graph_layout(&net->graph, err) &&
         head_find(&net->head, &net->graph, err);
    if (ok) {
        choose_outputs(&net->graph, &net->head);
        net->plan = plan_new(&net->graph, err);
    }
    if (net->plan)
        net->session = plan_session_new(net->plan, NULL, err);
    buf_release(&buf);
    return net->session;
}

/* Fills the picture, NHWC, with the numbers that the references are for:
 * element i of it, were it NCHW, is (2654435761 i mod 2^32) / 2^31 - 1. */
static void fill_picture(struct network *net)
{
    int value = net->graph.inputs[0];
    const struct graph_shape *shape = &net->graph.values[value].shape;
    size_t num_pixels = shape->dim[1] * shape->dim[2];
    float *picture = plan_session_data(net->session, value);

    assert_int_equal(shape->rank, 4);
    assert_int_equal(shape->dim[3], 3);
    for (size_t p = 0; p < num_pixels; p++)
        for (size_t c = 0; c < 3; c++)
            picture[p * 3 + c] =
                (float)((double)((c * num_pixels + p) * 2654435761 %
                                 ((uint64_t)1 << 32)) /
                            2147483648.0 -
                        1);
}

/* ---- what is compared ---- */

static void expect(const char *file, const char *part, const double *got,
                   const float *wanted, size_t count)
{
    double *doubles = calloc(count, sizeof *doubles), distance;
    char why[64];

    assert_non_null(doubles);
    for (size_t i = 0; i < count; i++)
        doubles[i] = (double)wanted[i];
    distance = reference_distance(doubles, got, count);
    snprintf(why, sizeof why, "%s are off by %g", part, distance);
    if (!(distance <= TOLERANCE))
        complain(file, why);
    free(doubles);
}

static void open_reference(struct array *array, const char *net,
                           const char *part)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof path, NETWORKS "/%s.%s.npy", net, part);
    array_open(array, path);
}

static void compare_logits(struct network *net, const char *file,
                           const char *name)
{
    struct array wanted = {0};
    size_t count = net->head.num_classes;
    const float *logits = plan_session_data(net->session, net->head.logits);
    double *got = calloc(count, sizeof *got);

    assert_non_null(got);
    open_reference(&wanted, name, "logits");
    assert_int_equal(graph_shape_count(&wanted.shape), count);
    for (size_t i = 0; i < count; i++)
        got[i] = (double)logits[i];
    expect(file, "the logits", got, wanted.data, count);
    array_release(&wanted);
    free(got);
}

/* The last feature map, where the head takes the one that the reference has
 * (a 1 x 1 convolution before the pool may be folded into the weights). */
static void compare_features(struct network *net, const char *file,
                             const char *name)
{
    struct array wanted = {0};
    const struct graph_shape *shape =
        &net->graph.values[net->head.features].shape;
    size_t num_pixels = shape->dim[1] * shape->dim[2];
    size_t channels = shape->dim[3];
    const float *features = plan_session_data(net->session, net->head.features);
    double *got = calloc(num_pixels * channels, sizeof *got);

    assert_non_null(got);
    open_reference(&wanted, name, "features");
    for (size_t i = 0; i < num_pixels * channels; i++)
        got[i % channels * num_pixels + i / channels] = (double)features[i];
    if (wanted.shape.dim[0] != channels || wanted.shape.dim[1] != shape->dim[1])
        complain(file, "the features have another shape");
    else
        expect(file, "the features", got, wanted.data, num_pixels * channels);
    array_release(&wanted);
    free(got);
}

static void compare_maps(struct network *net, const char *file,
                         const char *name)
{
    struct array wanted = {0};
    const struct graph_shape *shape =
        &net->graph.values[net->head.features].shape;
    size_t num_pixels = shape->dim[1] * shape->dim[2];
    size_t count = net->head.num_classes * num_pixels;
    double *got = calloc(count, sizeof *got);
    float *map = calloc(num_pixels, sizeof *map);

    assert_non_null(got);
    assert_non_null(map);
    open_reference(&wanted, name, "maps");
    assert_int_equal(graph_shape_count(&wanted.shape), count);
    for (size_t k = 0; k < net->head.num_classes; k++) {
        cam_map(map, &net->head, &net->graph,
                plan_session_data(net->session, net->head.features), k);
        for (size_t p = 0; p < num_pixels; p++)
            got[k * num_pixels + p] = (double)map[p];
    }
    expect(file, "the maps", got, wanted.data, count);
    array_release(&wanted);
    free(map);
    free(got);
}

/* ---- the list ---- */

/* What stands after a prefix, or NULL. */
static const char *after(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static void expect_head(const struct head *head, const char *file,
                        const char *expected)
{
    const char *refusal = after(expected, "none: ");

    if (refusal && !head->refusal)
        complain(file, "it has class maps");
    else if (refusal && !strstr(head->refusal, refusal))
        complain(file, head->refusal);
    else if (!refusal && head->refusal)
        complain(file, head->refusal);
    else if (!refusal && strcmp(head->name, expected) != 0)
        complain(file, head->name);
}

static void check_network(const char *file, const char *name,
                          const char *expected)
{
    struct network net = {0};
    struct error err = {0};
    const char *reason = after(expected, "not yet: ");

    if (!open_network(&net, file, &err)) {
        if (!reason || !strstr(err.text, reason))
            complain(file, err.text);
    } else if (reason) {
        complain(file, "it can be opened: take it off the list of those that "
                       "cannot");
    } else {
        fill_picture(&net);
        if (!plan_session_run(net.session, &err))
            complain(file, err.text);
        expect_head(&net.head, file, expected);
        compare_logits(&net, file, name);
        if (!net.head.refusal) {
            compare_features(&net, file, name);
            compare_maps(&net, file, name);
        }
    }
    release(&net);
}

static void every_network_computes_what_its_framework_does(void **state)
{
    FILE *list = fopen(NETWORKS "/networks.txt", "r");
    char file[128], name[128], expected[256];
    int num = 0;

    (void)state;
    assert_non_null(list);
    num_wrong = 0;
    while (fscanf(list, "%127s %127s %255[^\n]", file, name, expected) == 3) {
        check_network(file, name, expected);
        num++;
    }
    fclose(list);
    assert_true(num >= 40);
    assert_int_equal(num_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_network_computes_what_its_framework_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
