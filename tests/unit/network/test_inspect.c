/* Inspections: of networks that can be used, and of those that cannot. */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/network/inspect.h"
#include "tests/network_file.h"

#include "tests/unit/alloc_sweep.h"

#define FORM "tests/data/forms/legacy13_unfolded.onnx"
#define INVALID "tests/cases/invalid-onnx"

enum { PATH_SIZE = 512 };

static const struct inspect_options options = {.width = 8, .height = 8};

static void a_network_is_described_and_measured(void **state)
{
    struct inspection inspection = {0};
    struct error err = {0};
    double sum = 0;

    (void)state;
    assert_true(
        inspect_open(&inspection, FORM, &(struct inspect_options){0}, &err));
    assert_int_equal(inspection.failure.kind, ERROR_NONE);
    assert_int_equal(inspection.problems.count, 0);
    assert_string_equal(inspection.head, "gap-linear");
    assert_null(inspection.refusal);
    assert_int_equal(inspection.num_classes, 7);
    assert_int_equal(inspection.num_features, 24);
    assert_int_equal(inspection.map_width, 6);
    assert_int_equal(inspection.map_height, 4);
    assert_int_equal(inspection.num_run_by[PLAN_KERNEL], 0);
    assert_true(inspection.num_run_by[PLAN_XNNPACK] <=
                inspection.num_run_by[PLAN_DEPTHWISE] +
                    inspection.num_run_by[PLAN_DENSE] + 1);
    assert_true(inspect_measure(&inspection, 3, &err));
    assert_true(inspection.run_ms > 0);
    assert_true(inspection.kernel_share == 0);
    for (size_t s = 0; s < inspection.num_steps; s++)
        sum += inspection.steps[s].ms;
    assert_true(sum > 0);
    inspect_release(&inspection);
}

/* What the reader says of a file that it refuses; "" where it does not. */
static void refuse(struct error *err, const char *path, const char *folder)
{
    const struct network_options whole = {
        .input = {.width = options.width,
                  .height = options.height,
                  .folder = folder},
        .keep_outputs = true,
        .last = NETWORK_INFER,
    };
    struct network network = {0};

    (void)!network_file_read(&network, path, &whole, err);
    network_release(&network);
}

static void the_first_thing_found_is_why_the_file_is_refused(void **state)
{
    struct dirent **entries = NULL;
    int count = scandir(INVALID, &entries, NULL, alphasort);
    int num_refused = 0;

    (void)state;
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        struct inspection inspection = {0};
        struct error err = {0}, refusal = {0};
        const struct error *found = &inspection.failure;
        char folder[PATH_SIZE], path[PATH_SIZE + 16];

        snprintf(folder, sizeof folder, INVALID "/%s", entries[i]->d_name);
        snprintf(path, sizeof path, "%s/model.onnx", folder);
        refuse(&refusal, path, folder);
        if (entries[i]->d_name[0] != '.' && refusal.kind != ERROR_NONE) {
            num_refused++;
            if (!inspect_open(&inspection, path, &options, &err))
                found = &err;
            else if (inspection.problems.count > 0)
                found = &inspection.problems.first->why;
            if (found->kind != refusal.kind ||
                !strstr(refusal.text, found->text))
                fail_msg("%s: \"%s\", not \"%s\"", path, found->text,
                         refusal.text);
        }
        inspect_release(&inspection);
        free(entries[i]);
    }
    assert_true(num_refused > 50);
    free(entries);
}

static bool inspect_once(void *arg, struct error *err)
{
    struct inspection inspection = {0};
    bool ok = inspect_open(&inspection, arg, &options, err);

    inspect_release(&inspection);
    return ok;
}

static void a_failed_allocation_is_an_error(void **state)
{
    static char file[] = INVALID "/unknown-operator/model.onnx";

    (void)state;
    /* protobuf-c calls what it has no room for malformed */
    alloc_sweep_or(inspect_once, file, ERROR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_is_described_and_measured),
        cmocka_unit_test(the_first_thing_found_is_why_the_file_is_refused),
        cmocka_unit_test(a_failed_allocation_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
