/* The options of `wherefore serve`. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/config.h"

#include <cmocka.h>

/* Parses arguments, the last NULL; the config may hold those of before, or be
 * empty. */
static bool parse(struct config *config, struct error *err, char *const *argv)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    config_release(config);
    config_init(config);
    return config_parse(config, argc, argv, err);
}

#define ARGS(...) ((char *const[]){__VA_ARGS__, NULL})

/* Not const: argv is not. */
static char workers[] = "--workers", three[] = "3", joined[] = "--workers=4";
static char json[] = "json", log_format[] = "--log-format";

static void the_defaults_are_valid(void **state)
{
    struct config config = {0};
    struct error err = {0};

    (void)state;
    assert_true(parse(&config, &err, (char *const[]){NULL}));
    assert_string_equal(config.listen, "127.0.0.1:8080");
    assert_int_equal(config.workers, 2);
    assert_int_equal(config.max_body_bytes, 16777216);
    assert_int_equal(config.log_format, CONFIG_LOG_TEXT);
    config_release(&config);
}

static void a_value_follows_a_space_or_an_equals_sign(void **state)
{
    struct config config = {0};
    struct error err = {0};

    (void)state;
    assert_true(parse(&config, &err, ARGS(workers, three, log_format, json)));
    assert_int_equal(config.workers, 3);
    assert_int_equal(config.log_format, CONFIG_LOG_JSON);
    assert_true(parse(&config, &err, ARGS(joined)));
    assert_int_equal(config.workers, 4);
    config_release(&config);
}

static void a_list_is_its_default_until_it_is_given(void **state)
{
    static char first[] = "--model=a", second[] = "--model=b";
    char *many[CONFIG_MAX_LIST + 2];
    struct config config = {0};
    struct error err = {0};

    (void)state;
    assert_true(parse(&config, &err, (char *const[]){NULL}));
    assert_int_equal(config.models.count, 1);
    assert_true(parse(&config, &err, ARGS(first, second)));
    assert_int_equal(config.models.count, 2);
    assert_string_equal(config.models.items[0], "a");
    assert_string_equal(config.models.items[1], "b");
    for (size_t i = 0; i <= CONFIG_MAX_LIST; i++)
        many[i] = first;
    many[CONFIG_MAX_LIST + 1] = NULL;
    assert_false(parse(&config, &err, many));
    assert_non_null(strstr(err.text, "at most 16"));
    config_release(&config);
}

static void mistakes_are_named(void **state)
{
    static const struct {
        const char *arg;
        const char *says;
    } cases[] = {
        {"--wrokers=2", "did you mean --workers?"},
        {"--frobnicate=2", "unknown option --frobnicate; --help lists them"},
        {"--workers=0", "1 to 256"},
        {"--workers=257", "1 to 256"},
        {"--workers=2x", "\"2x\""},
        {"--workers=-1", "\"-1\""},
        {"--workers=99999999999999999999999", "1 to 256"},
        {"--workers=", "1 to 256"},
        {"--workers", "a value is missing"},
        {"--log-format=tex", "text|json|none"},
        {"--log-format=text|json", "text|json|none"},
        {"--log-format=", "text|json|none"},
        {"--listen=", "ADDRESS:PORT"},
        {"workers=2", "unexpected argument"},
        {"-w", "unexpected argument"},
        {"--", "unknown option"},
        {"--max-connections=66", "at least 67"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config config = {0};
        struct error err = {0};
        char *arg = strdup(cases[i].arg);

        assert_non_null(arg);
        assert_false(parse(&config, &err, ARGS(arg)));
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_non_null(strstr(err.text, cases[i].says));
        free(arg);
        config_release(&config);
    }
}

static void the_help_has_every_flag_and_its_default(void **state)
{
    static char text[32768];
    FILE *out = fmemopen(text, sizeof text, "w");

    (void)state;
    assert_non_null(out);
    config_print_help(out);
    fclose(out);
#define SECTION(name, about) assert_non_null(strstr(text, name ": " about));
#define TEXT(field, flag, def, value, help)   \
    assert_non_null(strstr(text, "--" flag)); \
    assert_non_null(strstr(text, def));
#define LIST TEXT
#define NUMBER(field, flag, def, min, max, unit, help) \
    assert_non_null(strstr(text, "--" flag));          \
    assert_non_null(strstr(text, "(default " #def));
#define CHOICE(field, flag, def, choices, help) \
    assert_non_null(strstr(text, "--" flag));
    CONFIG_OPTIONS(SECTION, TEXT, LIST, NUMBER, CHOICE)
#undef SECTION
#undef TEXT
#undef LIST
#undef NUMBER
#undef CHOICE
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_valid),
        cmocka_unit_test(a_value_follows_a_space_or_an_equals_sign),
        cmocka_unit_test(a_list_is_its_default_until_it_is_given),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(the_help_has_every_flag_and_its_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
