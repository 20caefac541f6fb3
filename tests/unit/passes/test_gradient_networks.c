/* Backward graphs of whole networks, the small ones of tests/data/networks: the
 * gradients of their pictures and of a layer in the middle, in double precision
 * against differences, and in floats, as planned. One file of each network. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/graph/graph.h"
#include "engine/onnx/onnx.h"
#include "tests/slopes.h"

#include <cmocka.h>

#define NETWORKS "tests/data/networks"

static void open_network(struct graph *graph, const char *file)
{
    struct onnx_input size = {.folder = NETWORKS};
    struct error err = {0};
    struct buf buf = {0};
    char path[512];

    snprintf(path, sizeof path, NETWORKS "/%s.onnx", file);
    if (!buf_append_file(&buf, path, 1 << 26, &err) ||
        !onnx_read(graph, buf.data, buf.len, &size, &err) ||
        !graph_infer(graph, &err) || !graph_fold(graph, &err))
        fail_msg("%s: %s", file, err.text);
    buf_release(&buf);
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

    open_network(&graph, file);
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
    FILE *list = fopen(NETWORKS "/networks.txt", "r");
    char file[128], name[128], last[128] = "", expected[256];
    int num = 0;

    (void)state;
    assert_non_null(list);
    while (fscanf(list, "%127s %127s %255[^\n]", file, name, expected) == 3) {
        if (strcmp(name, last) == 0 || strncmp(expected, "not yet", 7) == 0)
            continue;
        strcpy(last, name);
        check_network(file);
        num++;
    }
    fclose(list);
    assert_true(num >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_network_has_the_slopes_that_differences_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
