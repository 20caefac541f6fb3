/* Backward graphs of whole networks, the small ones of tests/data/networks: the
 * gradients of their pictures and of a layer in the middle, in double precision
 * against differences, and in floats, as planned; and against what PyTorch's
 * autograd computes (gradients.txt, made by tools/reference/networks/
 * gradients.py, says what its numbers are). One file of each network. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/passes/gradient.h"
#include "tests/network_file.h"
#include "tests/reference.h"
#include "tests/slopes.h"

#include <cmocka.h>

#define NETWORKS "tests/data/networks"

/* The interpreter is slow: under the sanitizers, and on arm64, which is as a
 * rule emulated, every third network has to do. */
#if defined(__SANITIZE_ADDRESS__) || defined(__aarch64__)
enum { ONE_OF = 3 };
#else
enum { ONE_OF = 1 };
#endif

static void open_network(struct graph *graph, const char *file,
                         enum network_pass last)
{
    const struct network_options options = {
        .input = {.folder = NETWORKS}, .keep_outputs = true, .last = last};
    struct network network = {0};
    struct error err = {0};
    char path[512];

    snprintf(path, sizeof path, NETWORKS "/%s.onnx", file);
    if (!network_file_read(&network, path, &options, &err))
        fail_msg("%s: %s", file, err.text);
    *graph = network.graph;
}

/* The output of a convolution in the middle of the network. */
static int find_layer(const struct graph *graph)
{
    int found = graph->inputs[0];

    for (size_t n = 0; n < graph->num_nodes; n++)
        if (graph->nodes[n].op == GRAPH_CONV &&
            (n < graph->num_nodes / 2 || found == graph->inputs[0]))
            found = graph->nodes[n].outputs[0];
    return found;
}

static void check_network(const char *file)
{
    struct graph graph = {0};
    struct slopes slopes = {.name = file, .seed = 1, .num_directions = 1};
    float *picture;
    size_t count;
    int wanted[2];
    double distance;

    open_network(&graph, file, NETWORK_FOLD);
    count = graph_shape_count(&graph.values[graph.inputs[0]].shape);
    picture = calloc(count, sizeof *picture);
    assert_non_null(picture);
    slopes_fill_picture(picture, count);
    wanted[0] = graph.inputs[0];
    wanted[1] = find_layer(&graph);
    slopes.picture = picture;
    slopes.tolerance = 1e-2; /* where a ReLU is shut by rounding */
    slopes.options = (struct gradient_options){
        .source = graph.outputs[0], .wanted = wanted, .num_wanted = 2};
    distance = slopes_check(&graph, &slopes);
    print_message("%-34s floats are off by %.1e\n", file, distance);
    free(picture);
    graph_release(&graph);
}

static void every_network_has_the_slopes_that_differences_have(void **state)
{
    (void)state;
    assert_true(network_file_each(check_network, ONE_OF) >= 20);
}

/* ---- against PyTorch ---- */

/* Both compute in double precision, some hundred layers, and sum up. */
#define AUTOGRAD_TOLERANCE 1e-9

enum { MOST_LAYERS = 4, NUM_PROJECTIONS = 8 };

/* What gradients.txt says of one file. */
struct expected {
    char file[128];
    size_t num_layers;
    struct {
        char name[128];
        size_t count;
        double projections[NUM_PROJECTIONS];
    } layers[MOST_LAYERS];
};

static double noise(size_t i)
{
    return (double)(i * 2654435761 % ((uint64_t)1 << 32)) / 2147483648.0 - 1;
}

static double *fill_noise(size_t first, size_t count)
{
    double *made = calloc(count + 1, sizeof *made);

    assert_non_null(made);
    for (size_t i = 0; i < count; i++)
        made[i] = noise(first + i);
    return made;
}

static int find_value(const struct graph *graph, const char *name)
{
    for (size_t v = 0; v < graph->num_values; v++)
        if (strcmp(graph->values[v].name, name) == 0)
            return (int)v;
    return GRAPH_NONE;
}

static void compare_layer(const struct expected *expected, size_t l,
                          const double *gradient)
{
    for (size_t k = 0; k < NUM_PROJECTIONS; k++) {
        double wanted = expected->layers[l].projections[k], got = 0, size = 0;

        for (size_t i = 0; i < expected->layers[l].count; i++) {
            double part = gradient[i] * noise(NUM_PROJECTIONS * i + k + 1);

            got += part;
            size += fabs(part);
        }
        if (!(fabs(got - wanted) <= AUTOGRAD_TOLERANCE * size))
            fail_msg("%s: %s: %.12g, where PyTorch has %.12g", expected->file,
                     expected->layers[l].name, got, wanted);
    }
}

/* As it was read: folding would round weights anew. */
static void compare_network(const struct expected *expected)
{
    struct graph graph = {0};
    struct reference ref = {0};
    struct error err = {0};
    struct gradient_options options = {.num_wanted = expected->num_layers};
    double *inputs[2];
    int wanted[MOST_LAYERS];
    size_t first;

    open_network(&graph, expected->file, NETWORK_INFER);
    options.source = graph.outputs[0];
    options.wanted = wanted;
    first = graph.num_outputs;
    for (size_t l = 0; l < expected->num_layers; l++) {
        wanted[l] = find_value(&graph, expected->layers[l].name);
        if (wanted[l] == GRAPH_NONE)
            fail_msg("%s: there is no \"%s\"", expected->file,
                     expected->layers[l].name);
    }
    if (!gradient_append(&graph, &options, &err))
        fail_msg("%s: %s", expected->file, err.text);
    for (size_t i = 0; i < 2; i++)
        inputs[i] = fill_noise(
            i, graph_shape_count(&graph.values[graph.inputs[i]].shape));
    if (!reference_run_on(&ref, &graph, (const double *const *)inputs, &err))
        fail_msg("%s: %s", expected->file, err.text);
    for (size_t l = 0; l < expected->num_layers; l++) {
        int value = graph.outputs[first + l];

        assert_int_equal(graph_shape_count(&graph.values[value].shape),
                         expected->layers[l].count);
        compare_layer(expected, l, ref.values[value]);
    }
    reference_release(&ref);
    free(inputs[0]);
    free(inputs[1]);
    graph_release(&graph);
}

static void networks_have_the_gradients_that_autograd_has(void **state)
{
    FILE *list = fopen(NETWORKS "/gradients.txt", "r");
    struct expected expected = {0};
    char file[128], name[128];
    size_t count, num = 0;

    (void)state;
    assert_non_null(list);
    while (fscanf(list, "%127s %127s %zu", file, name, &count) == 3) {
        size_t l;

        if (strcmp(file, expected.file) != 0) {
            if (expected.num_layers > 0 && num % ONE_OF == 0)
                compare_network(&expected);
            expected.num_layers = 0;
            strcpy(expected.file, file);
            num++;
        }
        l = expected.num_layers++;
        assert_true(l < MOST_LAYERS);
        strcpy(expected.layers[l].name, name);
        expected.layers[l].count = count;
        for (size_t k = 0; k < NUM_PROJECTIONS; k++)
            assert_int_equal(
                fscanf(list, "%lf", &expected.layers[l].projections[k]), 1);
    }
    compare_network(&expected);
    fclose(list);
    assert_true(num >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_network_has_the_slopes_that_differences_have),
        cmocka_unit_test(networks_have_the_gradients_that_autograd_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
