/* Receptive fields against what the oracle computes: a pixel is changed, and
 * the cells that change with it are looked up in all feature maps. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/network/layers.h"
#include "engine/network/layers_field.h"
#include "tests/network.h"
#include "tests/network_file.h"
#include "tests/reference.h"
#include "tests/sketch.h"

#include <cmocka.h>

#define NETWORKS "tests/data/networks"

/* A graph with its fields, its layers and the input that is changed. */
struct study {
    struct graph *graph;
    const char *name;
    struct layers_field *fields;
    struct layers layers;
    struct graph_picture input; /* rows and columns of the input */
    float *pixels;              /* in the order of the input's shape */
    struct reference before;
};

/* Cells from `first` to `last` of one axis; none if first > last. */
struct range {
    int64_t first, last;
};

static void study_init(struct study *study, struct graph *graph,
                       const char *name)
{
    const struct graph_value *input = &graph->values[graph->inputs[0]];
    struct graph_picture *pictures =
        calloc(graph->num_values, sizeof *pictures);
    size_t count = graph_shape_count(&input->shape);
    struct error err = {0};

    study->graph = graph;
    study->name = name;
    study->fields = calloc(graph->num_values, sizeof *study->fields);
    study->pixels = calloc(count, sizeof *study->pixels);
    assert_non_null(pictures);
    assert_non_null(study->fields);
    assert_non_null(study->pixels);
    graph_picture_find(pictures, graph);
    study->input = pictures[graph->inputs[0]];
    layers_field_find(study->fields, graph, pictures);
    free(pictures);
    assert_true(layers_find(&study->layers, graph, graph->outputs[0], &err));
    for (size_t i = 0; i < count; i++)
        study->pixels[i] = (float)(i * 2654435761 % 1024) / 512 - 1;
    if (!reference_run(&study->before, graph, study->pixels, &err))
        fail_msg("%s: %s", name, err.text);
}

static void study_release(struct study *study)
{
    reference_release(&study->before);
    layers_release(&study->layers);
    free(study->fields);
    free(study->pixels);
}

/* Changes all channels of the pixel, one way or back. */
static void change(struct study *study, size_t y, size_t x, float by)
{
    const struct graph_shape *shape =
        &study->graph->values[study->graph->inputs[0]].shape;
    uint32_t rows = study->input.rows;
    size_t channels = shape->dim[rows == 1 ? 3 : 1];
    size_t cells = study->input.height * study->input.width;
    size_t at = y * study->input.width + x;

    for (size_t c = 0; c < channels; c++)
        study->pixels[rows == 1 ? at * channels + c : c * cells + at] += by;
}

/* Which rows (k = 0) or columns (1) of a layer differ. */
static struct range changed(const struct study *study,
                            const struct layer *layer,
                            const struct reference *after, int k)
{
    const double *a = study->before.values[layer->value];
    const double *b = after->values[layer->value];
    size_t cells = layer->height * layer->width;
    struct range range = {INT64_MAX, -1};

    for (size_t i = 0; i < cells * layer->channels; i++) {
        size_t cell = layer->is_nhwc ? i / layer->channels : i % cells;
        int64_t at =
            (int64_t)(k == 0 ? cell / layer->width : cell % layer->width);

        if (fabs(a[i] - b[i]) <= 1e-12 * fabs(a[i]))
            continue;
        range.first = at < range.first ? at : range.first;
        range.last = at > range.last ? at : range.last;
    }
    return range;
}

/* Which cells the field says depend on a pixel. */
static struct range expected(const struct layers_span *span, size_t pixel,
                             size_t length)
{
    double p = (double)pixel, last = (double)length - 1;

    if (isinf(span->first) || isinf(span->last))
        return (struct range){0, (int64_t)last};
    return (struct range){
        (int64_t)fmax(ceil((p - span->last) / span->stride - 1e-6), 0),
        (int64_t)fmin(floor((p - span->first) / span->stride + 1e-6), last),
    };
}

/* How many axes of layers were compared; in how many of them the field says
 * what was seen, and in how many it is infinite. */
struct tally {
    size_t num, exact, all;
};

static void compare(struct study *study, size_t y, size_t x, float by,
                    struct tally *tally)
{
    struct reference after = {0};
    struct error err = {0};

    change(study, y, x, by);
    if (!reference_run(&after, study->graph, study->pixels, &err))
        fail_msg("%s: %s", study->name, err.text);
    change(study, y, x, -by);
    for (size_t i = 0; i < study->layers.count; i++) {
        const struct layer *layer = &study->layers.list[i];

        for (int k = 0; k < 2; k++) {
            const struct layers_span *span =
                &study->fields[layer->value].span[k];
            struct range seen = changed(study, layer, &after, k);
            struct range said = expected(span, k == 0 ? y : x,
                                         k == 0 ? layer->height : layer->width);

            if (seen.last >= 0 &&
                (seen.first < said.first || seen.last > said.last))
                fail_msg("%s: pixel %zu, %zu changes cells %lld to %lld of "
                         "\"%s\" (axis %d); its field says %lld to %lld",
                         study->name, y, x, (long long)seen.first,
                         (long long)seen.last, layer->name, k,
                         (long long)said.first, (long long)said.last);
            tally->num++;
            tally->all += isinf(span->last);
            tally->exact += said.first > said.last ? seen.last < 0
                                                   : seen.first == said.first &&
                                                         seen.last == said.last;
        }
    }
    reference_release(&after);
}

/* ---- whole networks ---- */

/* The share of axes in which the field is exactly what was seen. The others see
 * less, because the pixel does not get through a ReLU or a max-pool. Most
 * random networks are small, with few channels and with clamps. */
static const double least_exact = 0.95, least_exact_of_random = 0.7;

static void fields_of_networks_are_what_the_oracle_sees(void **state)
{
    FILE *list = fopen(NETWORKS "/networks.txt", "r");
    char file[128], name[128], last[128] = "", path[512];
    struct tally tally = {0};
    int num = 0;

    (void)state;
    assert_non_null(list);
    while (fscanf(list, "%127s %127s %*[^\n]", file, name) == 2) {
        const struct network_options options = {.input = {.folder = NETWORKS},
                                                .keep_outputs = true,
                                                .last = NETWORK_FOLD};
        struct network network = {0};
        struct study study = {0};
        struct error err = {0};

        snprintf(path, sizeof path, NETWORKS "/%s.onnx", file);
        if (strcmp(name, last) != 0 &&
            network_file_read(&network, path, &options, &err)) {
            study_init(&study, &network.graph, file);
            compare(&study, study.input.height / 2, study.input.width / 2, 50,
                    &tally);
            compare(&study, study.input.height / 3, study.input.width - 5, -50,
                    &tally);
            study_release(&study);
            num++;
        }
        network_release(&network);
        memcpy(last, name, sizeof last);
    }
    fclose(list);
    assert_true(num >= 24);
    assert_true((double)tally.exact >= least_exact * (double)tally.num);
}

/* ---- random networks ---- */

/* Whether borders are filled with cells from elsewhere: a field describes what
 * is far from them. */
static bool repeats_cells(const struct graph *graph)
{
    for (size_t n = 0; n < graph->num_nodes; n++)
        if (graph->nodes[n].op == GRAPH_PAD &&
            graph->nodes[n].pad.mode != GRAPH_PAD_CONSTANT)
            return true;
    return false;
}

static void fields_of_random_networks_miss_nothing(void **state)
{
    struct tally tally = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct graph graph = {0};
        struct study study = {0};
        struct error err = {0};
        char name[32];

        snprintf(name, sizeof name, "seed %llu", (unsigned long long)seed);
        network_make(&graph, seed % 4 ? NETWORK_ANY : NETWORK_PLAIN, seed);
        assert_true(network_prepare(&graph, NETWORK_FOLD, &err));
        study_init(&study, &graph, name);
        if (study.layers.count > 0 && !repeats_cells(&graph)) {
            compare(&study, study.input.height / 2, study.input.width / 2, 9,
                    &tally);
            compare(&study, 0, study.input.width - 1, -9, &tally);
        }
        study_release(&study);
        graph_release(&graph);
    }
    assert_true(tally.num > 4000);
    assert_true((double)tally.exact >=
                least_exact_of_random * (double)tally.num);
    assert_true(tally.all < tally.num / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_networks_are_what_the_oracle_sees),
        cmocka_unit_test(fields_of_random_networks_miss_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
