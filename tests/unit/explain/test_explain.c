/* The table of methods, and the maps that they make. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/explain/explain.h"

#include <cmocka.h>

static void every_method_has_a_name_of_its_own_and_a_paper(void **state)
{
    const struct explain_method *a, *b;

    (void)state;
    for (size_t i = 0; (a = explain_method(i)); i++) {
        assert_true(strlen(a->title) > 0 && strlen(a->paper) > 0);
        assert_true(strlen(a->needs) > 0);
        assert_ptr_equal(explain_method_named(explain_method_name(a)), a);
        for (size_t k = 0; k < i && (b = explain_method(k)); k++)
            assert_string_not_equal(explain_method_name(a),
                                    explain_method_name(b));
    }
}

static void the_first_method_that_is_defined_is_the_default(void **state)
{
    const struct network none = {.head = {.refusal = "no pooling layer"}};
    const struct network fine = {0};
    struct explain_task task = {.network = &none};
    const char *refusal = NULL;

    (void)state;
    assert_string_equal(explain_method_name(explain_choose(&refusal, &task)),
                        "saliency");
    assert_string_equal(refusal, "no pooling layer");
    task.layer = &(const struct layer){0};
    assert_string_equal(explain_method_name(explain_choose(&refusal, &task)),
                        "gradcam");
    task.network = &fine;
    assert_string_equal(explain_method_name(explain_choose(&refusal, &task)),
                        "cam");
    assert_null(refusal);
}

/* Maps of 2 x 3 cells, each ten more than the one before. */
static bool fill(struct explain_maps *maps, const struct explain_input *input,
                 struct error *err)
{
    (void)input;
    if (!explain_reserve(maps, 2, 3, err))
        return false;
    for (size_t i = 0; i < maps->count; i++) {
        for (size_t cell = 0; cell < 6; cell++)
            maps->map[i].values[cell] = (float)(10 * i) - (float)cell;
        explain_add_check(&maps->map[i], "class", 1,
                          (double)maps->map[i].class_index);
    }
    return true;
}

static void a_method_fills_the_maps_and_the_rest_is_found(void **state)
{
    static const struct explain_method method = {.explain = fill};
    const struct explain_input input = {0};
    struct explain_maps maps = {.count = 3};
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        maps.map[i].class_index = 7 + i;
    assert_true(explain_run(&maps, &method, &input, &err));
    for (size_t i = 0; i < 3; i++) {
        const struct explain_map *map = &maps.map[i];

        assert_int_equal(map->class_index, 7 + i);
        assert_int_equal(map->width, 3);
        assert_int_equal(map->height, 2);
        assert_true(map->max == (float)(10 * i));
        assert_true(map->min == (float)(10 * i) - 5);
        assert_int_equal(map->num_checks, 1);
        assert_true(map->checks[0].found == (double)(7 + i));
    }
    explain_release(&maps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_has_a_name_of_its_own_and_a_paper),
        cmocka_unit_test(the_first_method_that_is_defined_is_the_default),
        cmocka_unit_test(a_method_fills_the_maps_and_the_rest_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
