/* Changing the member "box" of model.json. */

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/model/model_dir.h"
#include "engine/model/model_write.h"

#include "tests/unit/alloc_sweep.h"

enum { MAX_TEXT = 4096 };

static char folder[64];
static char path[96];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_model_write_XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/model.json", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails if anything else is left in it */
}

static void put(const char *text)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static const char *get(void)
{
    static char text[MAX_TEXT];
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    text[fread(text, 1, MAX_TEXT - 1, file)] = '\0';
    fclose(file);
    return text;
}

static struct model_box box(const char *data)
{
    static char copy[64], method[] = "cam";

    strcpy(copy, data);
    return (struct model_box){
        .is_given = true,
        .threshold = .3f,
        .scale = .9f,
        .shift_x = -.125f,
        .shift_y = .5f,
        .data = copy,
        .method = method,
        .photos = 195,
        .correct = .75f,
        .paper = .5f,
    };
}

static const char INPUT[] =
    "{\"zeta\": [0.1, 1.0, 123.675], \"name\": \"m\\u00e4\", \"input\": "
    "{\"width\": 8, \"height\": 8, \"channels\": \"RGB\", "
    "\"resize\": \"stretch\", \"interpolation\": \"bicubic\", "
    "\"mean\": [0.1, 0, 0], \"std\": [1, 1, 1]}, \"onnx\": {\"file\": "
    "\"model.onnx\"}, \"box\": 3}";

static void a_calibration_is_read_back_and_all_else_is_kept(void **state)
{
    struct model_dir model_dir = {0};
    struct model_box written = box("some photos");
    struct error err = {0};
    struct stat info;
    const char *text;

    (void)state;
    put(INPUT);
    assert_int_equal(chmod(path, 0640), 0);
    assert_true(model_write_box(folder, &written, &err));
    text = get();
    assert_non_null(strstr(text, "    0.1,\n    1.0,\n    123.675\n"));
    assert_true(strstr(text, "zeta") < strstr(text, "m\xc3\xa4"));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_true(model_dir_open(&model_dir, folder, &err));
    assert_true(model_dir.box.is_given);
    assert_float_equal(model_dir.box.threshold, .3, 1e-6);
    assert_float_equal(model_dir.box.scale, .9, 1e-6);
    assert_float_equal(model_dir.box.shift_x, -.125, 1e-6);
    assert_float_equal(model_dir.box.shift_y, .5, 1e-6);
    assert_string_equal(model_dir.box.data, "some photos");
    assert_string_equal(model_dir.box.method, "cam");
    assert_int_equal(model_dir.box.photos, 195);
    assert_float_equal(model_dir.box.correct, .75, 1e-6);
    model_dir_release(&model_dir);
}

static void check_refused(const struct model_box *refused, enum error_kind kind,
                          const char *why)
{
    struct error err = {0};

    assert_false(model_write_box(folder, refused, &err));
    assert_int_equal(err.kind, kind);
    assert_non_null(strstr(err.text, why));
}

static void a_file_that_cannot_be_changed_stays_as_it_is(void **state)
{
    static const char *const broken[] = {"[]", "{\"a\": 1,}",
                                         "{\"a\": 1, \"a\": 2}"};
    struct model_box good = box("photos"), bad = box("ph\xf6tos");

    (void)state;
    check_refused(&good, ERROR_IO, "model.json");
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        put(broken[i]);
        check_refused(&good, ERROR_INPUT, "model.json");
        assert_string_equal(get(), broken[i]);
    }
    put(INPUT);
    check_refused(&bad, ERROR_INPUT, "UTF-8");
    assert_string_equal(get(), INPUT);
}

static bool write_once(void *arg, struct error *err)
{
    struct model_box good = box("photos");

    (void)arg;
    return model_write_box(folder, &good, err);
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    put(INPUT);
    /* Jansson reports some of its failed allocations as bad JSON */
    alloc_sweep_or(write_once, NULL, ERROR_INPUT);
}

#define WITH_FOLDER(test) \
    cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_calibration_is_read_back_and_all_else_is_kept),
        WITH_FOLDER(a_file_that_cannot_be_changed_stays_as_it_is),
        WITH_FOLDER(a_failed_allocation_is_reported_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
