/* Models whose data is in files of its own, or of 16 bits: each folder of
 * tests/cases/onnx-files holds one, and what must come of it
 * (tools/reference/onnx_file_cases.py). */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "tests/array.h"
#include "tests/network_file.h"
#include "tests/reference.h"
#include "tests/sketch.h"

#include "tests/unit/alloc_sweep.h"

#define CASES "tests/cases/onnx-files"

enum { NUM_SAMPLES = 3 * 8 * 8, PATH_SIZE = 512 };

static void read_file(struct buf *buf, const char *folder, const char *name)
{
    char path[PATH_SIZE];
    struct error err = {0};

    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!buf_append_file(buf, path, 1 << 20, &err))
        fail_msg("%s: %s", path, err.text);
}

/* All that happens to a model of a folder before it meets a picture. */
static bool prepare(struct network *network, const char *folder,
                    const struct onnx_input *size, struct error *err)
{
    const struct network_options options = {.input = *size,
                                            .keep_outputs = true};
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/model.onnx", folder);
    return network_file_read(network, path, &options, err);
}

static bool prepare_case(struct network *network, const char *folder,
                         struct error *err)
{
    return prepare(
        network, folder,
        &(struct onnx_input){.width = 8, .height = 8, .folder = folder}, err);
}

static void expect_output(const char *folder)
{
    struct network network = {0};
    const struct graph *graph = &network.graph;
    struct error err = {0};
    struct reference ref = {0};
    struct array output = {0};
    float turned[NUM_SAMPLES];
    double wanted[NUM_SAMPLES];
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/output.npy", folder);
    array_open(&output, path);
    assert_int_equal(graph_shape_count(&output.shape), NUM_SAMPLES);
    for (size_t i = 0; i < NUM_SAMPLES; i++) {
        size_t at = reference_nhwc_index(&output.shape, i);

        turned[at] = (float)(i * 37 % 101) / 50.0f - 1.0f;
        wanted[at] = (double)output.data[i];
    }
    if (!prepare_case(&network, folder, &err) ||
        !reference_run(&ref, graph, turned, &err))
        fail_msg("%s: %s", folder, err.text);
    assert_int_equal(sketch_count(graph, GRAPH_CAST), 0);
    if (!(reference_distance(wanted, ref.values[graph->outputs[0]],
                             NUM_SAMPLES) <= 1e-6))
        fail_msg("%s computes something else", folder);
    reference_release(&ref);
    network_release(&network);
    array_release(&output);
}

static void expect_error(const char *folder)
{
    struct network network = {0};
    struct error err = {0};
    struct buf wanted = {0};
    char kind[32] = "", text[128] = "";

    read_file(&wanted, folder, "error");
    assert_true(buf_append(&wanted, "", 1, &err));
    assert_int_equal(
        sscanf((char *)wanted.data, "%31[^\n]\n%127[^\n]", kind, text), 2);
    if (prepare_case(&network, folder, &err))
        fail_msg("%s is accepted", folder);
    if (strcmp(error_kind_name(err.kind), kind) != 0 || !strstr(err.text, text))
        fail_msg("%s gives %s, \"%s\"", folder, error_kind_name(err.kind),
                 err.text);
    assert_null(network.graph.values);
    network_release(&network);
    buf_release(&wanted);
}

/* Calls `visit` for every folder that holds such a file. */
static int for_each_case(const char *with, void (*visit)(const char *folder))
{
    DIR *cases = opendir(CASES);
    struct dirent *entry;
    int num = 0;

    assert_non_null(cases);
    while ((entry = readdir(cases))) {
        char folder[PATH_SIZE], path[2 * PATH_SIZE];

        snprintf(folder, sizeof folder, CASES "/%.200s", entry->d_name);
        snprintf(path, sizeof path, "%s/%s", folder, with);
        if (entry->d_name[0] == '.' || access(path, F_OK) != 0)
            continue;
        visit(folder);
        num++;
    }
    closedir(cases);
    return num;
}

static void data_elsewhere_and_of_16_bits_is_read(void **state)
{
    (void)state;
    assert_true(for_each_case("output.npy", expect_output) >= 7);
}

static void data_that_is_not_within_the_folder_is_refused(void **state)
{
    (void)state;
    assert_true(for_each_case("error", expect_error) >= 20);
}

/* git stores no pipes. */
static void a_pipe_is_no_data(void **state)
{
    char folder[] = "/tmp/test_onnx_files_XXXXXX", path[PATH_SIZE];
    struct buf model = {0};
    struct network network = {0};
    struct error err = {0};
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(folder));
    read_file(&model, CASES "/one-file", "model.onnx");
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(model.data, 1, model.len, file), model.len);
    fclose(file);
    buf_release(&model);
    snprintf(path, sizeof path, "%s/weights.bin", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(prepare_case(&network, folder, &err));
    assert_int_equal(err.kind, ERROR_IO);
    assert_non_null(strstr(err.text, "is not a regular file"));
    unlink(path);
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

static void without_a_folder_no_other_file_is_opened(void **state)
{
    const struct onnx_input size = {.width = 8, .height = 8};
    struct buf model = {0};
    struct graph graph = {0};
    struct error err = {0};

    (void)state;
    read_file(&model, CASES "/one-file", "model.onnx");
    assert_false(onnx_read(&graph, model.data, model.len, &size, &err));
    assert_int_equal(err.kind, ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "another file"));
    buf_release(&model);
}

/* ---- sizes of the picture ---- */

/* The input's shape as it will be stored. */
static bool read_case_size(const char *folder, const struct onnx_input *size,
                           struct graph_shape *shape, struct error *err)
{
    struct network network = {0};
    const struct graph *graph = &network.graph;
    bool ok = prepare(&network, folder, size, err);

    if (ok)
        *shape = graph->values[graph->inputs[0]].shape;
    network_release(&network);
    return ok;
}

static bool read_size(const struct onnx_input *size, struct graph_shape *shape,
                      struct error *err)
{
    return read_case_size(CASES "/one-file", size, shape, err);
}

static void a_size_that_nothing_gives_is_asked_for(void **state)
{
    struct onnx_input size = {0};
    struct graph_shape shape;
    struct error err = {0};

    (void)state;
    assert_false(read_case_size(CASES "/size-open", &size, &shape, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "--input-size"));
    size = (struct onnx_input){.width = 5, .height = 6};
    assert_true(read_case_size(CASES "/size-open", &size, &shape, &err));
    assert_true(graph_shape_equal(&shape, &SHAPE(1, 6, 5, 3)));
}

static void a_size_beyond_bounds_is_refused(void **state)
{
    struct onnx_input size = {0};
    struct graph_shape shape;
    struct error err = {0};

    (void)state;
    assert_false(read_case_size(CASES "/size-huge", &size, &shape, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
}

static void pictures_of_one_channel_are_told_from_rows_of_three(void **state)
{
    struct onnx_input size = {0};
    struct graph_shape shape;
    struct error err = {0};

    (void)state;
    assert_true(
        read_case_size(CASES "/size-of-one-channel", &size, &shape, &err));
    assert_true(graph_shape_equal(&shape, &SHAPE(1, 9, 7, 1)));
    assert_true(
        read_case_size(CASES "/size-of-one-channel-last", &size, &shape, &err));
    assert_true(graph_shape_equal(&shape, &SHAPE(1, 9, 7, 1)));
}

static void a_size_that_is_not_given_is_the_files(void **state)
{
    struct onnx_input size = {.folder = CASES "/one-file"};
    struct graph_shape shape;
    struct error err = {0};

    (void)state;
    assert_true(read_size(&size, &shape, &err));
    assert_true(graph_shape_equal(&shape, &SHAPE(1, 8, 8, 3)));
}

static void a_files_size_yields_to_one_that_overrides(void **state)
{
    struct onnx_input size = {
        .width = 8, .height = 80, .folder = CASES "/one-file"};
    struct graph_shape shape;
    struct error err = {0};

    (void)state;
    assert_false(read_size(&size, &shape, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    err = (struct error){0};
    size.override = true;
    assert_true(read_size(&size, &shape, &err));
    assert_true(graph_shape_equal(&shape, &SHAPE(1, 80, 8, 3)));
}

static bool read_once(void *model, struct error *err)
{
    const struct onnx_input size = {.folder = CASES "/two-in-one"};
    const struct buf *file = model;
    struct graph graph = {0};
    bool ok = onnx_read(&graph, file->data, file->len, &size, err);

    graph_release(&graph);
    return ok;
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    struct buf model = {0};

    (void)state;
    read_file(&model, CASES "/two-in-one", "model.onnx");
    /* protobuf-c takes a failed allocation for a broken file */
    alloc_sweep_or(read_once, &model, ERROR_INPUT);
    buf_release(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_elsewhere_and_of_16_bits_is_read),
        cmocka_unit_test(data_that_is_not_within_the_folder_is_refused),
        cmocka_unit_test(a_pipe_is_no_data),
        cmocka_unit_test(without_a_folder_no_other_file_is_opened),
        cmocka_unit_test(a_size_that_nothing_gives_is_asked_for),
        cmocka_unit_test(a_size_beyond_bounds_is_refused),
        cmocka_unit_test(pictures_of_one_channel_are_told_from_rows_of_three),
        cmocka_unit_test(a_size_that_is_not_given_is_the_files),
        cmocka_unit_test(a_files_size_yields_to_one_that_overrides),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
