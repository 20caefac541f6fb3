/* What the passes keep of whole networks, those of
 * tests/data/networks/networks.txt. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/inferred_again.h"
#include "tests/network_file.h"
#include "tests/reference.h"

#include <cmocka.h>

#define NETWORKS "tests/data/networks"

/* Reads a network and infers its shapes; false where it cannot be read. */
static bool open_network(struct network *network, const char *file)
{
    const struct network_options options = {.input = {.folder = NETWORKS},
                                            .keep_outputs = true,
                                            .last = NETWORK_INFER};
    struct error err = {0};
    char path[512];

    snprintf(path, sizeof path, NETWORKS "/%s.onnx", file);
    return network_file_read(network, path, &options, &err);
}

/* Calls `check` for each network that can be read; of those that are there in
 * several files, all have the same name. */
static void for_each(void (*check)(struct graph *graph, const char *file,
                                   bool is_first))
{
    FILE *list = fopen(NETWORKS "/networks.txt", "r");
    char file[128], name[128], last[128] = "";
    int num = 0;

    assert_non_null(list);
    while (fscanf(list, "%127s %127s %*[^\n]", file, name) == 2) {
        struct network network = {0};

        if (open_network(&network, file)) {
            check(&network.graph, file, strcmp(name, last) != 0);
            num++;
        }
        network_release(&network);
        memcpy(last, name, sizeof last);
    }
    fclose(list);
    assert_true(num >= 40);
}

/* ---- inference that runs twice ---- */

static void infer_after_passes(struct graph *graph, const char *file,
                               bool is_first)
{
    struct error err = {0};

    (void)is_first;
    expect_inferred_again(graph, file, "inferred");
    assert_true(graph_fold(graph, &err));
    expect_inferred_again(graph, file, "folded");
    assert_true(graph_layout(graph, &err));
    expect_inferred_again(graph, file, "laid out");
}

static void inferring_again_changes_nothing_after_any_pass(void **state)
{
    (void)state;
    for_each(infer_after_passes);
}

/* ---- names ---- */

/* What a tensor is, in whatever shape and order of axes. */
struct digest {
    size_t count;
    double sum, squares, min, max;
};

static struct digest digest_of(const double *elements, size_t count)
{
    struct digest d = {.count = count, .min = elements[0], .max = elements[0]};

    for (size_t i = 0; i < count; i++) {
        d.sum += elements[i];
        d.squares += elements[i] * elements[i];
        d.min = fmin(d.min, elements[i]);
        d.max = fmax(d.max, elements[i]);
    }
    return d;
}

/* Weights are rounded to float once more where they are folded. */
static bool is_near(double a, double b, double scale)
{
    return fabs(a - b) <= 1e-4 * scale + 1e-9;
}

static bool is_same(const struct digest *a, const struct digest *b)
{
    double largest = fmax(fabs(a->min), fabs(a->max));

    return a->count == b->count &&
           is_near(a->sum, b->sum, largest * (double)a->count) &&
           is_near(a->squares, b->squares, a->squares) &&
           is_near(a->min, b->min, largest) && is_near(a->max, b->max, largest);
}

/* A float that a node makes of the picture. */
static bool is_feature(const struct graph *graph, int v)
{
    const struct graph_value *value = &graph->values[v];

    return value->producer != GRAPH_NONE && value->type == GRAPH_FLOAT &&
           !value->data;
}

/* The tensors that there are, by value; a count of 0 where there is none. */
static struct digest *run(const struct graph *graph, const char *file)
{
    const struct graph_shape *shape = &graph->values[graph->inputs[0]].shape;
    size_t count = graph_shape_count(shape), cells, channels;
    float *picture = calloc(count, sizeof *picture);
    struct digest *digests = calloc(graph->num_values, sizeof *digests);
    bool nhwc = shape->dim[3] == 3 || shape->dim[3] == 1;
    struct reference ref = {0};
    struct error err = {0};

    assert_non_null(picture);
    assert_non_null(digests);
    channels = nhwc ? shape->dim[3] : shape->dim[1];
    cells = count / channels;
    for (size_t c = 0; c < channels; c++)
        for (size_t p = 0; p < cells; p++)
            picture[nhwc ? p * channels + c : c * cells + p] =
                (float)((c * cells + p) * 2654435761 % 1024) / 512 - 1;
    if (!reference_run(&ref, graph, picture, &err))
        fail_msg("%s: %s", file, err.text);
    for (int v = 0; v < (int)graph->num_values; v++)
        if ((is_feature(graph, v) || v == graph->inputs[0]) && ref.values[v])
            digests[v] = digest_of(ref.values[v],
                                   graph_shape_count(&graph->values[v].shape));
    reference_release(&ref);
    free(picture);
    return digests;
}

static struct {
    size_t names, found, gone;
} total;

/* A name of the file's, and what it was for. */
struct named {
    const char *name;
    bool is_clamp; /* Relu, Clip */
};

/* Looks for a name that was one of a value with these elements. What goes into
 * a clamp may be what comes out, for a picture as it happens. */
static void find(const struct graph *graph, const struct digest *now,
                 const struct named *named, const struct digest *wanted,
                 const char *file)
{
    const char *name = named->name;
    int found = graph_find(graph, name);

    total.names++;
    if (found != GRAPH_NONE) {
        total.found++;
        if (!is_same(wanted, &now[found]))
            fail_msg("%s: \"%s\" is found, and holds something else", file,
                     name);
        return;
    }
    total.gone++;
    for (int v = 0; v < (int)graph->num_values; v++)
        if (is_feature(graph, v) && is_same(wanted, &now[v]) &&
            (named->is_clamp || !graph_is_clamped(graph_producer(graph, v))))
            fail_msg("%s: \"%s\" is lost, and value %d (%s) holds it", file,
                     name, v, graph->values[v].name);
}

/* One file of each network: the oracle is slow. */
static void find_names(struct graph *graph, const char *file, bool is_first)
{
    size_t num = graph->num_values;
    struct digest *before, *after;
    struct named *names;
    struct error err = {0};

    if (!is_first)
        return;
    before = run(graph, file);
    names = calloc(num, sizeof *names);
    assert_non_null(names);
    for (int v = 0; v < (int)num; v++)
        if (before[v].count > 0 && is_feature(graph, v))
            names[v] = (struct named){
                graph->values[v].name,
                graph_producer(graph, v)->op == GRAPH_CLAMP,
            };
    assert_true(graph_fold(graph, &err) && graph_layout(graph, &err));
    after = run(graph, file);
    for (size_t v = 0; v < num; v++)
        if (names[v].name && *names[v].name)
            find(graph, after, &names[v], &before[v], file);
    free(names);
    free(before);
    free(after);
}

/* A name is lost only where what it was for is not computed any more. */
static void what_still_exists_is_found_by_every_name(void **state)
{
    (void)state;
    for_each(find_names);
    print_message("%zu names of features: %zu found, %zu gone\n", total.names,
                  total.found, total.gone);
    assert_true(total.found > total.gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_still_exists_is_found_by_every_name),
        cmocka_unit_test(inferring_again_changes_nothing_after_any_pass),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
