/* ONNX files to graphs: what PyTorch exports, what the `onnx` package's own
 * evaluator computes operator by operator, and files that mean harm. The
 * graphs are run by the reference interpreter, so nothing here is XNNPACK. */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "tests/array.h"
#include "tests/network_file.h"
#include "tests/reference.h"
#include "tests/sketch.h"

#include <cmocka.h>

#define FORMS "tests/data/forms"
#define OPERATORS "tests/cases/operators"
#define INVALID "tests/cases/invalid-onnx"

/* Float weights, kept as PyTorch and ONNX give them; PyTorch adds up in
 * floats. */
#define TOLERANCE 1e-4

enum { PATH_SIZE = 512 };

static int num_wrong; /* files that are not taken, or refused, as they should */

static void complain(const char *what, const char *why)
{
    print_error("%s: %s\n", what, why);
    num_wrong++;
}

static void read_file(struct buf *buf, const char *path)
{
    struct error err = {0};

    if (!buf_append_file(buf, path, 1 << 26, &err))
        fail_msg("%s: %s", path, err.text);
}

/* Runs the graph and compares its first output. `input` is in the graph's
 * layout; a picture that comes out is NHWC after graph_layout. */
static void expect_output(const struct graph *graph, const float *input,
                          const struct array *expected, bool nhwc,
                          const char *what)
{
    struct reference ref = {0};
    struct error err = {0};
    size_t count = graph_shape_count(&expected->shape);
    double *wanted = calloc(count, sizeof *wanted), distance;
    char why[64];

    assert_non_null(wanted);
    for (size_t i = 0; i < count; i++)
        wanted[nhwc && expected->shape.rank == 4
                   ? reference_nhwc_index(&expected->shape, i)
                   : i] = (double)expected->data[i];
    if (!reference_run(&ref, graph, input, &err)) {
        complain(what, err.text);
    } else if (graph_shape_count(&graph->values[graph->outputs[0]].shape) !=
               count) {
        complain(what, "the output has another size");
    } else {
        distance =
            reference_distance(wanted, ref.values[graph->outputs[0]], count);
        snprintf(why, sizeof why, "off by %g", distance);
        if (!(distance <= TOLERANCE))
            complain(what, why);
    }
    reference_release(&ref);
    free(wanted);
}

/* Reads the file, and holds each pass to what is expected. */
static void expect_file(const char *path, const struct array *input,
                        const struct array *expected)
{
    size_t count = graph_shape_count(&input->shape);
    struct network_options options = {
        .input = {.height = input->shape.dim[2], .width = input->shape.dim[3]},
        .keep_outputs = true,
    };
    float *turned = calloc(count, sizeof *turned);

    assert_non_null(turned);
    for (size_t i = 0; i < count; i++)
        turned[reference_nhwc_index(&input->shape, i)] = input->data[i];
    for (int pass = NETWORK_INFER; pass <= NETWORK_LAYOUT; pass++) {
        bool nhwc = pass == NETWORK_LAYOUT;
        struct network network = {0};
        struct error err = {0};

        options.last = (enum network_pass)pass;
        if (network_file_read(&network, path, &options, &err))
            expect_output(&network.graph, nhwc ? turned : input->data, expected,
                          nhwc, path);
        else
            complain(path, err.text);
        network_release(&network);
    }
    free(turned);
}

static void every_form_of_export_computes_what_pytorch_does(void **state)
{
    struct array input = {0}, logits = {0}, scores = {0};
    FILE *list = fopen(FORMS "/forms.txt", "r");
    char name[128], output[32], path[PATH_SIZE];
    int num = 0;

    (void)state;
    assert_non_null(list);
    num_wrong = 0;
    array_open(&input, FORMS "/input.npy");
    array_open(&logits, FORMS "/logits.npy");
    array_open(&scores, FORMS "/scores.npy");
    while (fscanf(list, "%127s %31s", name, output) == 2) {
        snprintf(path, sizeof path, FORMS "/%s.onnx", name);
        expect_file(path, &input,
                    strcmp(output, "scores") == 0 ? &scores : &logits);
        num++;
    }
    assert_true(num >= 10);
    assert_int_equal(num_wrong, 0);
    fclose(list);
    array_release(&input);
    array_release(&logits);
    array_release(&scores);
}

/* The value that is pooled at the end. */
static int find_features(const struct graph *graph)
{
    int features = GRAPH_NONE;

    for (size_t i = 0; i < graph->num_nodes; i++)
        if (graph->nodes[i].op == GRAPH_MEAN)
            features = graph->nodes[i].inputs[0];
    assert_int_not_equal(features, GRAPH_NONE);
    return features;
}

static void the_last_feature_map_is_pytorchs(void **state)
{
    struct array input = {0}, features = {0};
    struct network_options options = {.keep_outputs = true,
                                      .last = NETWORK_INFER};
    struct network network = {0};
    struct error err = {0};

    (void)state;
    array_open(&input, FORMS "/input.npy");
    array_open(&features, FORMS "/features.npy");
    options.input.height = input.shape.dim[2];
    options.input.width = input.shape.dim[3];
    if (!network_file_read(&network, FORMS "/legacy13_unfolded.onnx", &options,
                           &err))
        fail_msg("%s", err.text);
    network.graph.outputs[0] = find_features(&network.graph);
    num_wrong = 0;
    expect_output(&network.graph, input.data, &features, false, "features");
    assert_int_equal(num_wrong, 0);
    network_release(&network);
    array_release(&input);
    array_release(&features);
}

/* Calls `visit` for every folder of `folder`; returns how many there were. */
static int for_each_case(const char *folder,
                         void (*visit)(const char *folder, const char *name))
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int num = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        visit(folder, entry->d_name);
        num++;
    }
    closedir(dir);
    return num;
}

/* The picture of tools/reference/onnx_cases.py. */
static void make_picture(struct array *picture)
{
    picture->shape = SHAPE(1, 3, 8, 8);
    picture->data = calloc(3 * 8 * 8, sizeof *picture->data);
    assert_non_null(picture->data);
    for (int i = 0; i < 3 * 8 * 8; i++)
        picture->data[i] = (float)(i * 37 % 101) / 50.0f - 1.0f;
}

static void visit_operator(const char *folder, const char *name)
{
    struct array picture = {0}, output = {0};
    char path[PATH_SIZE];

    make_picture(&picture);
    snprintf(path, sizeof path, "%s/%s/output.npy", folder, name);
    array_open(&output, path);
    snprintf(path, sizeof path, "%s/%s/model.onnx", folder, name);
    expect_file(path, &picture, &output);
    array_release(&picture);
    array_release(&output);
}

static void every_operator_computes_what_the_onnx_evaluator_does(void **state)
{
    (void)state;
    num_wrong = 0;
    assert_true(for_each_case(OPERATORS, visit_operator) >= 50);
    assert_int_equal(num_wrong, 0);
}

/* ---- files to be refused ---- */

/* All that happens to a model's bytes before they meet a picture. */
static bool is_taken(const uint8_t *bytes, size_t len,
                     const struct onnx_input *size, struct error *err)
{
    const struct network_options options = {.input = *size,
                                            .keep_outputs = true};
    struct network network = {0};
    bool ok = network_read(&network, bytes, len, &options, err);

    network_release(&network);
    return ok;
}

static void visit_invalid(const char *folder, const char *name)
{
    const struct onnx_input size = {.width = 8, .height = 8};
    struct buf model = {0}, wanted = {0};
    struct error err = {0};
    char path[PATH_SIZE];
    char kind[32] = "", text[128] = "";

    snprintf(path, sizeof path, "%s/%s/error", folder, name);
    read_file(&wanted, path);
    if (!buf_append(&wanted, "", 1, &err))
        fail_msg("%s", err.text);
    if (sscanf((char *)wanted.data, "%31[^\n]\n%127[^\n]", kind, text) < 1)
        fail_msg("%s: no kind", path);
    snprintf(path, sizeof path, "%s/%s/model.onnx", folder, name);
    read_file(&model, path);
    if (is_taken(model.data, model.len, &size, &err) ||
        strcmp(error_kind_name(err.kind), kind) != 0 ||
        !strstr(err.text, text)) {
        print_error("%s gives \"%s: %s\"; wanted \"%s: %s\"\n", name,
                    error_kind_name(err.kind), err.text, kind, text);
        num_wrong++;
    }
    buf_release(&model);
    buf_release(&wanted);
}

static void every_invalid_file_is_refused_and_the_text_says_where(void **state)
{
    (void)state;
    num_wrong = 0;
    assert_true(for_each_case(INVALID, visit_invalid) >= 80);
    assert_int_equal(num_wrong, 0);
}

static void networks_in_training_mode_are_refused(void **state)
{
    const char *const names[] = {"13", "17"};
    const struct onnx_input size = {.width = 48, .height = 32};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct buf buf = {0};
        struct error err = {0};
        char path[PATH_SIZE];

        snprintf(path, sizeof path, FORMS "/refused/batch_norm_training%s.onnx",
                 names[i]);
        read_file(&buf, path);
        assert_false(is_taken(buf.data, buf.len, &size, &err));
        assert_int_equal(err.kind, ERROR_UNSUPPORTED);
        assert_non_null(strstr(err.text, "BatchNormalization"));
        buf_release(&buf);
    }
}

static void a_refused_file_leaves_the_graph_empty(void **state)
{
    const struct onnx_input size = {.width = 8, .height = 8};
    struct graph graph = {0};
    struct buf buf = {0};
    struct error err = {0};

    (void)state;
    read_file(&buf, INVALID "/wrong-order/model.onnx");
    assert_false(onnx_read(&graph, buf.data, buf.len, &size, &err));
    assert_null(graph.values);
    assert_null(graph.nodes);
    assert_null(graph.outputs);
    assert_null(graph.arena.blocks);
    buf_release(&buf);
}

/* ---- broken files ---- */

static const struct onnx_input forms_size = {.width = 48, .height = 32};

static void a_file_cut_short_is_refused(void **state)
{
    struct buf buf = {0};
    size_t taken = 0;

    (void)state;
    read_file(&buf, FORMS "/dynamo18.onnx");
    for (size_t len = 0; len < buf.len;
         len += len < 1000 || len + 200 > buf.len ? 1 : 61) {
        struct error err = {0};
        /* Of its own size, so that reading past it is seen. */
        uint8_t *cut = malloc(len + 1);

        assert_non_null(cut);
        memcpy(cut, buf.data, len);
        cut = realloc(cut, len ? len : 1);
        assert_non_null(cut);
        if (is_taken(cut, len, &forms_size, &err))
            taken++;
        else
            assert_true(err.kind == ERROR_INPUT ||
                        err.kind == ERROR_UNSUPPORTED);
        free(cut);
    }
    /* Where what is missing is not needed, such as the producer's notes. */
    assert_true(taken < 200);
    buf_release(&buf);
}

static void broken_bytes_crash_nothing(void **state)
{
    const char *const names[] = {"dynamo18", "dynamo18_unoptimized", "tools",
                                 "legacy9_fixed"};
    struct sketch_random random = {11};
    size_t refused = 0;

    (void)state;
    for (size_t n = 0; n < 4; n++) {
        struct buf buf = {0};
        char path[PATH_SIZE];

        snprintf(path, sizeof path, FORMS "/%s.onnx", names[n]);
        read_file(&buf, path);
        for (int round = 0; round < 400; round++) {
            struct error err = {0};
            uint8_t saved[4];
            size_t at[4];

            for (int i = 0; i < 4; i++) {
                at[i] = sketch_below(&random, buf.len);
                saved[i] = buf.data[at[i]];
                buf.data[at[i]] = (uint8_t)sketch_below(&random, 256);
            }
            if (!is_taken(buf.data, buf.len, &forms_size, &err)) {
                assert_int_not_equal(err.kind, ERROR_NONE);
                assert_int_not_equal(err.kind, ERROR_INTERNAL);
                refused++;
            }
            for (int i = 4; i-- > 0;)
                buf.data[at[i]] = saved[i];
        }
        buf_release(&buf);
    }
    assert_true(refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_export_computes_what_pytorch_does),
        cmocka_unit_test(the_last_feature_map_is_pytorchs),
        cmocka_unit_test(every_operator_computes_what_the_onnx_evaluator_does),
        cmocka_unit_test(every_invalid_file_is_refused_and_the_text_says_where),
        cmocka_unit_test(networks_in_training_mode_are_refused),
        cmocka_unit_test(a_refused_file_leaves_the_graph_empty),
        cmocka_unit_test(a_file_cut_short_is_refused),
        cmocka_unit_test(broken_bytes_crash_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
