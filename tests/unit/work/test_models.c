/* The list of models, with an engine that has no network. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "server/work/models.h"
#include "tests/unit/fake_engine.h"

#include <cmocka.h>

static const struct engine_options options;
static const struct config_list folders = {{"m/one", "m/two"}, 2, true};

static int close_all(void **state)
{
    (void)state;
    assert_int_equal(fake_num_open, 0);
    assert_int_equal(fake_num_sessions, 0);
    return 0;
}

static void the_first_one_is_the_default(void **state)
{
    struct models models;
    struct model *first, *second;

    (void)state;
    assert_true(models_open(&models, &folders, &options, NULL));
    first = models_find(&models, NULL, NULL);
    second = models_find(&models, "two", NULL);
    assert_string_equal(first->info.name, "one");
    assert_int_equal(first->slot, 0);
    assert_int_equal(first->generation, 1);
    assert_int_equal(strlen(first->loaded), strlen("2026-11-23T13:00:00Z"));
    assert_int_equal(second->slot, 1);
    model_release(first);
    model_release(second);
    models_close(&models);
}

static void an_unknown_name_is_refused_with_those_there_are(void **state)
{
    struct models models;
    struct error err = {0};

    (void)state;
    assert_true(models_open(&models, &folders, &options, NULL));
    assert_null(models_find(&models, "three", &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "\"three\""));
    assert_non_null(strstr(err.text, "one, two"));
    models_close(&models);
}

static void two_of_one_name_are_refused(void **state)
{
    static const struct config_list twice = {{"m/one", "n/one"}, 2, true};
    struct models models;
    struct error err = {0};

    (void)state;
    assert_false(models_open(&models, &twice, &options, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "model n/one: the name \""));
    assert_int_equal(models.count, 0);
}

static void a_model_read_anew_takes_the_place_of_the_old_one(void **state)
{
    struct models models;
    struct model *old, *held, *now;

    (void)state;
    assert_true(models_open(&models, &folders, &options, NULL));
    held = models_get(&models, 1);
    old = models_reload(&models, 1, NULL);
    now = models_get(&models, 1);
    assert_ptr_equal(old, held);
    assert_true(old->retired);
    assert_false(now->retired);
    assert_int_equal(now->generation, 2);
    assert_int_equal(fake_num_open, 3);
    model_release(old);
    assert_int_equal(fake_num_open, 3); /* it is still held */
    model_release(held);
    assert_int_equal(fake_num_open, 2);
    model_release(now);
    models_close(&models);
}

static void a_model_that_cannot_be_read_anew_leaves_the_old_one(void **state)
{
    struct models models;
    struct model *before, *after;
    struct error err = {0};

    (void)state;
    assert_true(models_open(&models, &folders, &options, NULL));
    before = models_get(&models, 0);
    atomic_store(&fake_broken, true);
    assert_null(models_reload(&models, 0, &err));
    atomic_store(&fake_broken, false);
    assert_string_equal(err.text, "model m/one: model.json: is empty");
    atomic_store(&fake_no_room, true);
    assert_null(models_reload(&models, 0, &err));
    atomic_store(&fake_no_room, false);
    after = models_get(&models, 0);
    assert_ptr_equal(before, after);
    assert_false(after->retired);
    assert_int_equal(models.counts[0].failed_reloads, 2);
    model_release(before);
    model_release(after);
    models_close(&models);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_first_one_is_the_default, close_all),
        cmocka_unit_test_teardown(
            an_unknown_name_is_refused_with_those_there_are, close_all),
        cmocka_unit_test_teardown(two_of_one_name_are_refused, close_all),
        cmocka_unit_test_teardown(
            a_model_read_anew_takes_the_place_of_the_old_one, close_all),
        cmocka_unit_test_teardown(
            a_model_that_cannot_be_read_anew_leaves_the_old_one, close_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
