/* A model's folder. What must be refused is in tests/cases/invalid-bundles:
 * a folder, and in its file `error` the kind and a part of the text. */

#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/model/model_dir.h"

#include "tests/unit/alloc_sweep.h"

/* clang-format off */
#define FULL_JSON                                                              \
    "{\"name\": \"tiny\", \"comment\": {\"any\": [1, null]},"                  \
    " \"input\": {\"width\": 1, \"height\": 4096, \"channels\": \"BGR\","      \
    "  \"resize\": \"stretch\", \"interpolation\": \"bicubic\","               \
    "  \"mean\": [0, 127.5, 1e2], \"std\": [1, 57.375, 128]},"                 \
    " \"onnx\": {\"file\": \"net.onnx\", \"opset\": 13, \"sha256\":"           \
    "  \"0123456789abcdefABCDEF00000000000000000000000000000000000000aaaa\"}," \
    " \"source\": \"somewhere\", \"license\": \"Apache-2.0\"}"
#define SHORT_JSON                                                             \
    "{\"name\": \"tiny\","                                                     \
    " \"input\": {\"width\": 8, \"height\": 8, \"channels\": \"RGB\","         \
    "  \"resize\": \"stretch\", \"interpolation\": \"bicubic\","               \
    "  \"mean\": [0, 0, 0], \"std\": [1, 1, 1]},"                              \
    " \"onnx\": {\"file\": \"model.onnx\"}}"
#define INPUT_JSON(members)                                                    \
    "{\"name\": \"tiny\","                                                     \
    " \"input\": {\"width\": 224, \"height\": 112, \"channels\": \"RGB\","    \
    "  \"mean\": [0, 0, 0], \"std\": [1, 1, 1], " members "},"               \
    " \"onnx\": {\"file\": \"model.onnx\"}}"
/* clang-format on */

enum { PATH_SIZE = 256 };

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[PATH_SIZE];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

/* A folder with these files, each of which may be NULL. */
static void make_folder(char folder[PATH_SIZE], const char *json,
                        const char *labels)
{
    snprintf(folder, PATH_SIZE, "/tmp/test_bundle_XXXXXX");
    assert_non_null(mkdtemp(folder));
    if (json)
        write_file(folder, "model.json", json);
    if (labels)
        write_file(folder, "labels.txt", labels);
}

static void remove_folder(const char *folder)
{
    char path[PATH_SIZE + 16];

    snprintf(path, sizeof path, "%s/model.json", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/labels.txt", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

static void every_member_is_read(void **state)
{
    char folder[PATH_SIZE], onnx_path[PATH_SIZE + 16];
    struct model_dir model_dir;
    struct error err = {0};

    (void)state;
    make_folder(folder, FULL_JSON, "n01\tcat\nn02\tdog\n");
    assert_true(model_dir_open(&model_dir, folder, &err));
    snprintf(onnx_path, sizeof onnx_path, "%s/net.onnx", folder);
    assert_string_equal(model_dir.name, "tiny");
    assert_string_equal(model_dir.onnx_path, onnx_path);
    assert_string_equal(model_dir.source, "somewhere");
    assert_string_equal(model_dir.license, "Apache-2.0");
    assert_int_equal(model_dir.input.width, 1);
    assert_int_equal(model_dir.input.height, 4096);
    assert_int_equal(model_dir.input.resize, PREPROCESS_STRETCH);
    assert_true(model_dir.input.bgr);
    assert_float_equal(model_dir.input.mean[0], 0, 0);
    assert_float_equal(model_dir.input.mean[1], 127.5f, 0);
    assert_float_equal(model_dir.input.mean[2], 100, 0);
    assert_float_equal(model_dir.input.std[1], 57.375f, 0);
    assert_int_equal(model_dir.labels.count, 2);
    assert_string_equal(model_dir.labels.ids[1], "n02");
    model_dir_release(&model_dir);
    model_dir_release(&model_dir);
    assert_null(model_dir.name);
    remove_folder(folder);
}

static void what_may_be_left_out_is_empty(void **state)
{
    char folder[PATH_SIZE];
    struct model_dir model_dir;
    struct error err = {0};

    (void)state;
    make_folder(folder, SHORT_JSON, NULL);
    assert_true(model_dir_open(&model_dir, folder, &err));
    assert_null(model_dir.source);
    assert_null(model_dir.license);
    assert_false(model_dir.input.bgr);
    assert_int_equal(model_dir.labels.count, 0);
    model_dir_release(&model_dir);
    remove_folder(folder);
}

/* The input that these members of "input" make. */
static struct preprocess_spec read_members(const char *json)
{
    char folder[PATH_SIZE];
    struct model_dir model_dir;
    struct error err = {0};
    struct preprocess_spec spec;

    make_folder(folder, json, NULL);
    if (!model_dir_open(&model_dir, folder, &err))
        fail_msg("%s", err.text);
    spec = model_dir.input;
    model_dir_release(&model_dir);
    remove_folder(folder);
    return spec;
}

static void every_way_of_resizing_is_read(void **state)
{
    struct preprocess_spec spec;

    (void)state;
    spec = read_members(
        INPUT_JSON("\"resize\": \"crop\", \"interpolation\": \"bilinear\""));
    assert_int_equal(spec.resize, PREPROCESS_CROP);
    assert_int_equal(spec.filter, RESIZE_BILINEAR);
    assert_true(spec.crop_fraction == 0.875);
    spec = read_members(INPUT_JSON("\"resize\": \"letterbox\","
                                   "\"interpolation\": \"nearest\""));
    assert_int_equal(spec.resize, PREPROCESS_LETTERBOX);
    assert_int_equal(spec.filter, RESIZE_NEAREST);
    assert_memory_equal(spec.pad, ((uint8_t[]){114, 114, 114}), 3);
}

static void a_crop_is_given_as_a_fraction_or_as_a_side(void **state)
{
    struct preprocess_spec spec;

    (void)state;
    spec = read_members(
        INPUT_JSON("\"resize\": \"crop\", \"interpolation\": \"bicubic\","
                   "\"crop_fraction\": 0.95"));
    assert_true(spec.crop_fraction == 0.95);
    spec = read_members(
        INPUT_JSON("\"resize\": \"crop\", \"interpolation\": \"bicubic\","
                   "\"resize_to\": 128"));
    assert_true(spec.crop_fraction == 112.0 / 128);
}

static void a_grey_input_has_one_mean(void **state)
{
    struct preprocess_spec spec;

    (void)state;
    spec = read_members(
        "{\"name\": \"tiny\", \"input\": {\"width\": 8, \"height\": 8,"
        "\"channels\": \"L\", \"resize\": \"stretch\","
        "\"interpolation\": \"bicubic\", \"mean\": [33], \"std\": [79]},"
        "\"onnx\": {\"file\": \"model.onnx\"}}");
    assert_true(spec.grey);
    assert_false(spec.bgr);
    assert_float_equal(spec.mean[0], 33, 0);
    assert_float_equal(spec.std[0], 79, 0);
}

static void a_padding_is_one_level_or_three(void **state)
{
    struct preprocess_spec spec;

    (void)state;
    spec = read_members(
        INPUT_JSON("\"resize\": \"letterbox\", \"interpolation\": \"bicubic\","
                   "\"pad\": 0"));
    assert_memory_equal(spec.pad, ((uint8_t[]){0, 0, 0}), 3);
    spec = read_members(
        INPUT_JSON("\"resize\": \"letterbox\", \"interpolation\": \"bicubic\","
                   "\"pad\": [1, 20, 255]"));
    assert_memory_equal(spec.pad, ((uint8_t[]){1, 20, 255}), 3);
}

static void a_folder_of_a_network_alone_gets_defaults(void **state)
{
    char folder[PATH_SIZE], path[PATH_SIZE + 16];
    struct model_dir model_dir;
    struct error err = {0};

    (void)state;
    make_folder(folder, NULL, "cat\n");
    write_file(folder, "model.onnx", "");
    snprintf(path, sizeof path, "%s/./", folder);
    if (!model_dir_open(&model_dir, path, &err))
        fail_msg("%s", err.text);
    assert_string_equal(model_dir.name, strrchr(folder, '/') + 1);
    snprintf(path, sizeof path, "%s/.//model.onnx", folder);
    assert_string_equal(model_dir.onnx_path, path);
    assert_int_equal(model_dir.labels.count, 1);
    assert_int_equal(model_dir.input.width, 0);
    assert_int_equal(model_dir.input.height, 0);
    assert_int_equal(model_dir.input.resize, PREPROCESS_STRETCH);
    assert_int_equal(model_dir.input.filter, RESIZE_BICUBIC);
    assert_false(model_dir.input.bgr);
    assert_float_equal(model_dir.input.mean[0], 0.485 * 255, 1e-4);
    assert_float_equal(model_dir.input.mean[1], 0.456 * 255, 1e-4);
    assert_float_equal(model_dir.input.mean[2], 0.406 * 255, 1e-4);
    assert_float_equal(model_dir.input.std[0], 0.229 * 255, 1e-4);
    assert_float_equal(model_dir.input.std[1], 0.224 * 255, 1e-4);
    assert_float_equal(model_dir.input.std[2], 0.225 * 255, 1e-4);
    model_dir_release(&model_dir);
    remove_folder(folder);
}

static void a_folder_whose_name_is_no_text_is_called_model(void **state)
{
    char folder[PATH_SIZE], odd[PATH_SIZE + 16];
    struct model_dir model_dir;
    struct error err = {0};

    (void)state;
    make_folder(folder, NULL, NULL);
    write_file(folder, "model.onnx", "");
    snprintf(odd, sizeof odd, "%s\n\xff", folder);
    assert_int_equal(rename(folder, odd), 0);
    assert_true(model_dir_open(&model_dir, odd, &err));
    assert_string_equal(model_dir.name, "model");
    model_dir_release(&model_dir);
    assert_int_equal(rename(odd, folder), 0);
    remove_folder(folder);
}

static void a_folder_that_is_not_there_is_an_io_error(void **state)
{
    struct model_dir model_dir;
    struct error err = {0};

    (void)state;
    assert_false(model_dir_open(&model_dir, "/nowhere", &err));
    assert_int_equal(err.kind, ERROR_IO);
    assert_string_equal(err.text,
                        "cannot be opened: No such file or directory");
    assert_null(model_dir.name);
}

static void labels_that_are_a_folder_are_an_io_error(void **state)
{
    char folder[PATH_SIZE], path[PATH_SIZE + 16];
    struct model_dir model_dir;
    struct error err = {0};

    (void)state;
    make_folder(folder, SHORT_JSON, NULL);
    snprintf(path, sizeof path, "%s/labels.txt", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(model_dir_open(&model_dir, folder, &err));
    assert_int_equal(err.kind, ERROR_IO);
    assert_non_null(strstr(err.text, "labels.txt"));
    rmdir(path);
    remove_folder(folder);
}

static void a_model_json_of_more_than_a_megabyte_is_refused(void **state)
{
    char folder[PATH_SIZE], path[PATH_SIZE + 16];
    struct model_dir model_dir;
    struct error err = {0};

    (void)state;
    make_folder(folder, SHORT_JSON, NULL);
    snprintf(path, sizeof path, "%s/model.json", folder);
    assert_int_equal(truncate(path, (1 << 20) + 1), 0);
    assert_false(model_dir_open(&model_dir, folder, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    remove_folder(folder);
}

/* Reads a line without its end. */
static void read_line(char *line, size_t size, FILE *file)
{
    assert_non_null(fgets(line, (int)size, file));
    line[strcspn(line, "\n")] = '\0';
}

static void check_case(const char *folder)
{
    char path[PATH_SIZE], kind[64], text[256];
    struct model_dir model_dir;
    struct error err = {0};
    FILE *file;

    snprintf(path, sizeof path, "%s/error", folder);
    file = fopen(path, "r");
    assert_non_null(file);
    read_line(kind, sizeof kind, file);
    read_line(text, sizeof text, file);
    fclose(file);
    if (model_dir_open(&model_dir, folder, &err))
        fail_msg("%s is accepted", folder);
    if (strcmp(error_kind_name(err.kind), kind) != 0 || !strstr(err.text, text))
        fail_msg("%s gives %s, \"%s\"", folder, error_kind_name(err.kind),
                 err.text);
    assert_null(model_dir.name);
    assert_null(model_dir.onnx_path);
    assert_null(model_dir.labels.text);
}

static void every_invalid_case_is_refused_with_its_reason(void **state)
{
    glob_t folders;

    (void)state;
    assert_int_equal(
        glob("tests/cases/invalid-bundles/*", GLOB_ONLYDIR, NULL, &folders), 0);
    assert_true(folders.gl_pathc >= 50);
    for (size_t i = 0; i < folders.gl_pathc; i++)
        check_case(folders.gl_pathv[i]);
    globfree(&folders);
}

static bool open_once(void *folder, struct error *err)
{
    struct model_dir model_dir;
    bool ok = model_dir_open(&model_dir, folder, err);

    model_dir_release(&model_dir);
    return ok;
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    char folder[PATH_SIZE];

    (void)state;
    make_folder(folder, FULL_JSON, "n01\tcat\nn02\tdog\n");
    /* within a text, Jansson takes a failed allocation for a syntax error */
    alloc_sweep_or(open_once, folder, ERROR_INPUT);
    remove_folder(folder);
    make_folder(folder, NULL, "n01\tcat\nn02\tdog\n");
    write_file(folder, "model.onnx", "");
    alloc_sweep_or(open_once, folder, ERROR_INPUT);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(what_may_be_left_out_is_empty),
        cmocka_unit_test(every_way_of_resizing_is_read),
        cmocka_unit_test(a_crop_is_given_as_a_fraction_or_as_a_side),
        cmocka_unit_test(a_grey_input_has_one_mean),
        cmocka_unit_test(a_padding_is_one_level_or_three),
        cmocka_unit_test(a_folder_of_a_network_alone_gets_defaults),
        cmocka_unit_test(a_folder_whose_name_is_no_text_is_called_model),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_io_error),
        cmocka_unit_test(labels_that_are_a_folder_are_an_io_error),
        cmocka_unit_test(a_model_json_of_more_than_a_megabyte_is_refused),
        cmocka_unit_test(every_invalid_case_is_refused_with_its_reason),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
