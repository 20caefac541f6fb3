#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/image/image_xmp.h"

#include <cmocka.h>

/* Reads a copy of exactly that length, so that a sanitizer sees an overrun. */
static unsigned orientation_of(const char *text)
{
    const size_t len = strlen(text);
    uint8_t *copy = malloc(len ? len : 1);
    unsigned orientation;

    assert_non_null(copy);
    memcpy(copy, text, len);
    orientation =
        image_xmp_orientation((struct bytes){.data = copy, .len = len});
    free(copy);
    return orientation;
}

static void an_attribute_and_an_element_name_it(void **state)
{
    (void)state;
    assert_int_equal(orientation_of("<a tiff:Orientation=\"6\"/>"), 6);
    assert_int_equal(orientation_of("<tiff:Orientation>8</tiff:Orientation>"),
                     8);
}

static void the_first_that_has_a_value_counts(void **state)
{
    (void)state;
    assert_int_equal(orientation_of("tiff:Orientation tiff:Orientation=\"\" "
                                    "tiff:Orientation=\"3\" "
                                    "tiff:Orientation=\"6\""),
                     3);
}

static void a_number_that_is_none_of_the_eight_is_upright(void **state)
{
    (void)state;
    assert_int_equal(orientation_of("tiff:Orientation=\"0\""), 1);
    assert_int_equal(orientation_of("tiff:Orientation=\"9\""), 1);
}

static void a_packet_without_it_names_none(void **state)
{
    (void)state;
    assert_int_equal(orientation_of(""), 0);
    assert_int_equal(orientation_of("<x:xmpmeta/>"), 0);
    assert_int_equal(orientation_of("tiff:Orientation"), 0);
    assert_int_equal(orientation_of("tiff:Orientation="), 0);
    assert_int_equal(orientation_of("tiff:Orientation=\""), 0);
    assert_int_equal(orientation_of("tiff:Orientation=\"x\""), 0);
    assert_int_equal(orientation_of("exif:Orientation=\"6\""), 0);
    assert_int_equal(image_xmp_orientation((struct bytes){0}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attribute_and_an_element_name_it),
        cmocka_unit_test(the_first_that_has_a_value_counts),
        cmocka_unit_test(a_number_that_is_none_of_the_eight_is_upright),
        cmocka_unit_test(a_packet_without_it_names_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
