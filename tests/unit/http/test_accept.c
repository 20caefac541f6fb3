/* Content negotiation, by the examples of RFC 9110 and some traps. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "server/http/accept.h"

#include <cmocka.h>

static void the_most_specific_range_decides(void **state)
{
    static const struct {
        const char *accept;
        const char *type;
        unsigned quality;
    } cases[] = {
        {NULL, "image/png", 1000},
        {"", "image/png", 1000},
        {"  ", "image/png", 1000},
        {"*/*", "image/png", 1000},
        {"image/*;q=0.3, */*;q=0.9", "image/png", 300},
        {"*/*;q=0.9, image/*;q=0.3", "image/png", 300},
        {"image/png;q=0.001,*/*", "image/png", 1},
        {"IMAGE/PNG", "image/png", 1000},
        {"image/png ; q=0.5", "image/png", 500},
        {"image/png;level=1;q=0.5", "image/png", 500},
        {"image/png;Q=0", "image/png", 0},
        {"text/html", "image/png", 0},
        {"image/pngx, image/pn", "image/png", 0},
        {"image/png;q=0.1234", "image/png", 123},
        {"image/png;q=7", "image/png", 1000},
        {"image/png;q=1.9", "image/png", 1000},
        {",,, image/png,,", "image/png", 1000},
        {"*", "image/png", 0},
        {"*/png", "image/png", 0},
        {";;q=0", "image/png", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(accept_quality(cases[i].accept, cases[i].type),
                         cases[i].quality);
}

static void a_content_type_is_compared_without_its_parameters(void **state)
{
    (void)state;
    assert_true(accept_type_is("multipart/form-data; boundary=x",
                               "multipart/form-data"));
    assert_true(accept_type_is(" Image/JPEG", "image/"));
    assert_true(accept_type_is("image/png;x=y", "image/png"));
    assert_false(accept_type_is("image/", "image/"));
    assert_false(accept_type_is("image", "image/"));
    assert_false(
        accept_type_is("multipart/form-data-x", "multipart/form-data"));
    assert_false(accept_type_is(NULL, "image/"));
    assert_false(accept_type_is("", "image/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_specific_range_decides),
        cmocka_unit_test(a_content_type_is_compared_without_its_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
