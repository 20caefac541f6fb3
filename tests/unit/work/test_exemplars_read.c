/* An index of exemplars, which may be anything. The rest of the module is
 * tested over a socket (tests/http/test_exemplars.py). */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "server/work/exemplars_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define HEAD                                                             \
    "{\"version\":1,\"model\":\"m\",\"checksum\":\"0a1b2c3d\","          \
    "\"input\":{\"width\":8,\"height\":6},\"layer\":{\"name\":\"conv\"," \
    "\"channels\":3,\"height\":2,\"width\":4},\"channels\":["
#define EXEMPLAR(file, x, crop)                               \
    "{\"file\":\"" file "\",\"value\":1.5,\"cell\":{\"x\":" x \
    ",\"y\":1},\"crop\":" crop ",\"photo\":{\"width\":30,\"height\":20}}"
#define CROP "{\"x\":10,\"y\":0,\"width\":20,\"height\":20}"
#define GOOD                                                         \
    HEAD "{\"channel\":0,\"exemplars\":[]},"                         \
         "{\"channel\":2,\"exemplars\":[" EXEMPLAR("d/cat.png", "3", \
                                                   CROP) "]}]}"

static bool read_text(struct exemplars_index *index, struct exemplars_set *set,
                      const char *text, struct error *err)
{
    return exemplars_read(index, set, (const uint8_t *)text, strlen(text), err);
}

static void an_index_is_read(void **state)
{
    struct exemplars_index index = {0};
    struct exemplars_set set = {0};
    const struct exemplar *exemplar;

    (void)state;
    assert_true(read_text(&index, &set, GOOD, NULL));
    assert_string_equal(index.model, "m");
    assert_int_equal(index.checksum, 0x0a1b2c3d);
    assert_int_equal(index.input_width, 8);
    assert_string_equal(index.layer, "conv");
    assert_int_equal(index.layer_width, 4);
    assert_int_equal(index.num_channels, 2);
    assert_null(exemplars_find_channel(&index, 1));
    assert_int_equal(exemplars_find_channel(&index, 0)->count, 0);
    assert_int_equal(exemplars_find_channel(&index, 2)->count, 1);
    exemplar = &exemplars_find_channel(&index, 2)->list[0];
    assert_string_equal(exemplar->file, "cat.png");
    assert_float_equal(exemplar->value, 1.5, 0);
    assert_int_equal(exemplar->x, 3);
    assert_int_equal(exemplar->y, 1);
    assert_int_equal(exemplar->crop.x, 10);
    assert_int_equal(exemplar->crop.height, 20);
    assert_int_equal(exemplar->width, 30);
    assert_int_equal(set.num_exemplars, 1);
    arena_release(&set.arena);
}

#define ONE(exemplar) HEAD "{\"channel\":0,\"exemplars\":[" exemplar "]}]}"

static void what_is_malformed_is_refused(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "it is not JSON"},
        {"{\"version\":1}{", "it is not JSON"},
        {"[]", "Expected object"},
        {"{\"version\":1}", "not found"},
        {HEAD "7]}", "entry 0 of \"channels\""},
        {HEAD "{\"channel\":3,\"exemplars\":[]}]}", "entry 0 of \"channels\""},
        {HEAD "{\"channel\":-1,\"exemplars\":[]}]}", "entry 0 of"},
        {HEAD "{\"channel\":1,\"exemplars\":[]},"
              "{\"channel\":1,\"exemplars\":[]}]}",
         "entry 1 of \"channels\": it has no list of exemplars"},
        {ONE("{}"), "exemplar 0: "},
        {ONE(EXEMPLAR("a", "4", CROP)), "its cell is outside the layer"},
        {ONE(EXEMPLAR("a", "-1", CROP)), "its cell is outside the layer"},
        {ONE(EXEMPLAR("a", "0",
                      "{\"x\":11,\"y\":0,\"width\":20,\"height\":20}")),
         "its crop is outside its photo"},
        {ONE(EXEMPLAR("a", "0", "{\"x\":0,\"y\":0,\"width\":0,\"height\":1}")),
         "its crop is outside its photo"},
        {ONE(EXEMPLAR("a", "0",
                      "{\"x\":9223372036854775807,\"y\":0,\"width\":9,"
                      "\"height\":1}")),
         "its crop is outside its photo"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct exemplars_index index = {0};
        struct exemplars_set set = {0};
        struct error err = {0};

        assert_false(read_text(&index, &set, cases[i].text, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        if (!strstr(err.text, cases[i].said))
            fail_msg("case %zu: %s", i, err.text);
        arena_release(&set.arena);
    }
}

static void all_indices_together_are_bounded(void **state)
{
    struct exemplars_index index = {0};
    struct exemplars_set set = {.num_exemplars = EXEMPLARS_MAX};
    struct error err = {0};

    (void)state;
    assert_false(read_text(&index, &set, GOOD, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_int_equal(err.limit, EXEMPLARS_MAX);
    arena_release(&set.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_is_read),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(all_indices_together_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
