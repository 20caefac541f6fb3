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

#include "engine/explain/cam.h"
#include "tests/array.h"
#include "tests/network_file.h"
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

struct opened {
    struct network network;
    struct plan_session *session;
};

static void release(struct opened *opened)
{
    plan_session_free(opened->session);
    network_release(&opened->network);
}

static bool open_network(struct opened *opened, const char *file,
                         struct error *err)
{
    const struct network_options options = {.input.folder = NETWORKS};
    struct network *network = &opened->network;
    char path[PATH_SIZE];

    snprintf(path, sizeof path, NETWORKS "/%s.onnx", file);
    if (network_file_read(network, path, &options, err) &&
        network_plan(network, PRECISION_FP32, err))
        opened->session = plan_session_new(network->plan, NULL, err);
    return opened->session;
}

/* Fills the picture, NHWC, with the numbers that the references are for:
 * element i of it, were it NCHW, is (2654435761 i mod 2^32) / 2^31 - 1. */
static void fill_picture(const struct opened *opened)
{
    int value = opened->network.graph.inputs[0];
    const struct graph_shape *shape =
        &opened->network.graph.values[value].shape;
    size_t num_pixels = shape->dim[1] * shape->dim[2];
    float *picture = plan_session_data(opened->session, value);

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

static void open_reference(struct array *array, const char *opened,
                           const char *part)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof path, NETWORKS "/%s.%s.npy", opened, part);
    array_open(array, path);
}

static void compare_logits(const struct opened *opened, const char *file,
                           const char *name)
{
    struct array wanted = {0};
    size_t count = opened->network.head.num_classes;
    const float *logits =
        plan_session_data(opened->session, opened->network.head.logits);
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
static void compare_features(const struct opened *opened, const char *file,
                             const char *name)
{
    struct array wanted = {0};
    const struct graph_shape *shape =
        &opened->network.graph.values[opened->network.head.features].shape;
    size_t num_pixels = shape->dim[1] * shape->dim[2];
    size_t channels = shape->dim[3];
    const float *features =
        plan_session_data(opened->session, opened->network.head.features);
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

static void compare_maps(const struct opened *opened, const char *file,
                         const char *name)
{
    struct array wanted = {0};
    const struct graph_shape *shape =
        &opened->network.graph.values[opened->network.head.features].shape;
    size_t num_pixels = shape->dim[1] * shape->dim[2];
    size_t count = opened->network.head.num_classes * num_pixels;
    double *got = calloc(count, sizeof *got);
    float *map = calloc(num_pixels, sizeof *map);
    const struct graph *graph = &opened->network.graph;
    const struct head *head = &opened->network.head;
    const float *features = plan_session_data(opened->session, head->features);
    struct cam_scale scale;

    assert_non_null(got);
    assert_non_null(map);
    open_reference(&wanted, name, "maps");
    assert_int_equal(graph_shape_count(&wanted.shape), count);
    cam_scale(&scale, head, graph, features);
    for (size_t k = 0; k < head->num_classes; k++) {
        cam_map(map, head, graph, features, &scale, k);
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
    struct opened opened = {0};
    struct error err = {0};
    const char *reason = after(expected, "not yet: ");

    if (!open_network(&opened, file, &err)) {
        if (!reason || !strstr(err.text, reason))
            complain(file, err.text);
    } else if (reason) {
        complain(file, "it can be opened: take it off the list of those that "
                       "cannot");
    } else {
        fill_picture(&opened);
        if (!plan_session_run(opened.session, &err))
            complain(file, err.text);
        expect_head(&opened.network.head, file, expected);
        compare_logits(&opened, file, name);
        if (!opened.network.head.refusal) {
            compare_features(&opened, file, name);
            compare_maps(&opened, file, name);
        }
    }
    release(&opened);
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
