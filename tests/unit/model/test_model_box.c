/* The member "box" of model.json, read and written. What must be refused is in
 * tests/cases/invalid-bundles. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/model/model_dir.h"
#include "engine/model/model_write.h"

#include "tests/unit/alloc_sweep.h"

#define MODEL(members)                                                 \
    "{\"name\": \"tiny\", \"comment\": [1, null]," members             \
    " \"input\": {\"width\": 8, \"height\": 8, \"channels\": \"RGB\"," \
    "  \"resize\": \"stretch\", \"interpolation\": \"bicubic\","       \
    "  \"mean\": [123.675, 0, 0], \"std\": [1, 1, 1]},"                \
    " \"onnx\": {\"file\": \"model.onnx\"}, \"license\": \"CC0-1.0\"}"
#define BOX                                                                   \
    "\"box\": {\"threshold\": 0.31, \"scale\": 0.95, \"shift\": [-1, 0.375]," \
    " \"found_on\": {\"data\": \"kangaroo \\u00e4\", \"photos\": 120,"        \
    "  \"method\": \"cam\", \"correct\": 0.71, \"paper\": 0.58,"              \
    "  \"curve\": [1, 2]}},"

enum { PATH_SIZE = 256 };

static char folder[PATH_SIZE], path[PATH_SIZE + 16];

static void make_folder(const char *json)
{
    FILE *file;

    snprintf(folder, sizeof folder, "/tmp/test_model_box_XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/model.json", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(json, file) >= 0);
    fclose(file);
}

/* Nothing else may be left in it. */
static void remove_folder(void)
{
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

static void open_folder(struct model_dir *model_dir)
{
    struct error err = {0};

    if (!model_dir_open(model_dir, folder, &err))
        fail_msg("%s", err.text);
}

static void expect_box(const struct model_box *box)
{
    assert_true(box->is_given);
    assert_true(box->threshold == 0.31f);
    assert_true(box->scale == 0.95f);
    assert_true(box->shift_x == -1);
    assert_true(box->shift_y == 0.375f);
    assert_string_equal(box->data, "kangaroo \xc3\xa4");
    assert_string_equal(box->method, "cam");
    assert_int_equal(box->photos, 120);
    assert_true(box->correct == 0.71f);
    assert_true(box->paper == 0.58f);
}

static void every_member_is_read(void **state)
{
    struct model_dir model_dir;

    (void)state;
    make_folder(MODEL(BOX));
    open_folder(&model_dir);
    expect_box(&model_dir.box);
    model_dir_release(&model_dir);
    assert_null(model_dir.box.data);
    remove_folder();
}

static void without_it_there_is_no_calibration(void **state)
{
    struct model_dir model_dir;

    (void)state;
    make_folder(MODEL(""));
    open_folder(&model_dir);
    assert_false(model_dir.box.is_given);
    model_dir_release(&model_dir);
    remove_folder();
    make_folder(MODEL("\"box\": null,"));
    open_folder(&model_dir);
    assert_false(model_dir.box.is_given);
    model_dir_release(&model_dir);
    remove_folder();
}

static void what_is_written_is_read_and_the_rest_is_kept(void **state)
{
    struct model_box box = {.is_given = true,
                            .threshold = 0.31f,
                            .scale = 0.95f,
                            .shift_x = -1,
                            .shift_y = 0.375f,
                            .data = (char[]){"kangaroo \xc3\xa4"},
                            .method = (char[]){"cam"},
                            .photos = 120,
                            .correct = 0.71f,
                            .paper = 0.58f};
    struct model_dir model_dir;
    struct error err = {0};
    struct buf file = {0};
    struct stat info;

    (void)state;
    make_folder(MODEL(""));
    assert_int_equal(chmod(path, 0640), 0);
    for (int i = 0; i < 2; i++) { /* anew, and over what is there */
        if (!model_write_box(folder, &box, &err))
            fail_msg("%s", err.text);
        open_folder(&model_dir);
        expect_box(&model_dir.box);
        assert_string_equal(model_dir.license, "CC0-1.0");
        assert_true(model_dir.input.mean[0] == 123.675f);
        model_dir_release(&model_dir);
    }
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_true(buf_append_file(&file, path, 1 << 16, &err));
    assert_true(buf_append(&file, "", 1, &err));
    assert_non_null(strstr((char *)file.data, "\"threshold\": 0.31,"));
    assert_non_null(strstr((char *)file.data, "\"comment\""));
    assert_non_null(strstr((char *)file.data, "123.675"));
    buf_release(&file);
    remove_folder();
}

static void a_file_that_cannot_be_changed_stays(void **state)
{
    struct model_box box = {.data = (char[]){"\xff"},
                            .method = (char[]){"cam"}};
    struct model_dir model_dir;
    struct error err = {0};

    (void)state;
    make_folder(MODEL(BOX));
    assert_false(model_write_box(folder, &box, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    open_folder(&model_dir);
    expect_box(&model_dir.box);
    model_dir_release(&model_dir);
    remove_folder();
    err = (struct error){0};
    make_folder("[1]");
    assert_false(model_write_box(folder, &box, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    unlink(path);
    err = (struct error){0};
    assert_false(model_write_box(folder, &box, &err));
    assert_int_equal(err.kind, ERROR_IO);
    remove_folder();
}

static bool open_once(void *arg, struct error *err)
{
    struct model_dir model_dir;
    bool ok = model_dir_open(&model_dir, folder, err);

    (void)arg;
    if (ok)
        model_dir_release(&model_dir);
    return ok;
}

static void a_failed_allocation_leaves_nothing(void **state)
{
    (void)state;
    make_folder(MODEL(BOX));
    alloc_sweep_or(open_once, NULL, ERROR_INPUT);
    remove_folder();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(without_it_there_is_no_calibration),
        cmocka_unit_test(what_is_written_is_read_and_the_rest_is_kept),
        cmocka_unit_test(a_file_that_cannot_be_changed_stays),
        cmocka_unit_test(a_failed_allocation_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
