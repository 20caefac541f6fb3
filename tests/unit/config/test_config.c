/* The options of `wherefore serve`. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/config/config.h"
#include "server/config/config_print.h"

#include <cmocka.h>

#include "tests/unit/alloc_sweep.h"

/* Parses arguments, the last NULL; the config may hold those of before, or be
 * empty. */
static bool parse(struct config *config, struct error *err, char *const *argv)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    config_release(config);
    config_init(config);
    return config_read(config, argc, argv, NULL, err);
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
        {"--frobnicate=2",
         "unknown option --frobnicate; --help lists the options"},
        {"--workers=0", "1 to 256"},
        {"--workers=257", "1 to 256"},
        {"--workers=2x", "\"2x\""},
        {"--workers=-1", "\"-1\""},
        {"--workers=99999999999999999999999", "1 to 256"},
        {"--workers=", "1 to 256"},
        {"--workers", "--workers requires a value"},
        {"--chekc-config", "did you mean --check-config?"},
        {"--help=yes", "--help takes no value"},
        {"--listen=a\tb", "control character"},
        {"--log-format=tex", "text|json|none"},
        {"--log-format=text|json", "text|json|none"},
        {"--log-format=", "text|json|none"},
        {"--listen=", "ADDRESS:PORT"},
        {"workers=2", "unexpected argument"},
        {"-w", "unknown option -w"},
        {"--=2", "unknown option --; --help lists the options"},
        {"--max=2", "ambiguous option --max; --help lists the options"},
        {"--max-connections=66", "--max-connections: 66 is too low for"},
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

static void a_later_flag_goes_before_an_earlier_one(void **state)
{
    struct config config = {0};
    struct error err = {0};

    (void)state;
    assert_true(parse(&config, &err, ARGS(workers, three, joined)));
    assert_int_equal(config.workers, 4);
    config_release(&config);
}

static void the_config_owns_its_texts(void **state)
{
    char listen[] = "--listen=[::1]:1", model[] = "--model=one";
    struct config config = {0};
    struct error err = {0};

    (void)state;
    assert_true(parse(&config, &err, ARGS(listen, model)));
    memset(listen, 'x', sizeof listen - 1);
    memset(model, 'x', sizeof model - 1);
    assert_string_equal(config.listen, "[::1]:1");
    assert_string_equal(config.models.items[0], "one");
    config_release(&config);
}

static void actions_are_flags_without_a_value(void **state)
{
    static char check[] = "--check-config", print[] = "--print-config";
    static char routes[] = "--print-routes", help[] = "--help";
    static char nonsense[] = "--nonsense";
    static const struct {
        char *args[3];
        enum config_action action;
    } cases[] = {
        {{joined}, CONFIG_SERVE},        {{check}, CONFIG_CHECK},
        {{check, print}, CONFIG_PRINT},  {{routes}, CONFIG_ROUTES},
        {{nonsense, help}, CONFIG_HELP}, {{help, print}, CONFIG_HELP},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config config = {0};
        struct error err = {0};

        assert_true(parse(&config, &err, cases[i].args));
        assert_int_equal(config.action, cases[i].action);
        config_release(&config);
    }
}

/* ---- the environment ---- */

static bool parse_environment(struct config *config, struct error *err,
                              char *const *environment)
{
    config_release(config);
    config_init(config);
    return config_read(config, 0, NULL, environment, err);
}

/* One variable. */
static bool parse_variable(struct config *config, struct error *err,
                           const char *variable)
{
    char *copy = strdup(variable);
    char *environment[] = {copy, NULL};
    bool ok;

    assert_non_null(copy);
    ok = parse_environment(config, err, environment);
    free(copy);
    return ok;
}

static void a_variable_is_the_flag_in_capitals(void **state)
{
    struct config config = {0};
    struct error err = {0};

    (void)state;
    assert_true(parse_variable(&config, &err, "WHEREFORE_MAX_BODY_BYTES=2048"));
    assert_int_equal(config.max_body_bytes, 2048);
    assert_true(parse_variable(&config, &err, "WHEREFORE_LOG_FORMAT=none"));
    assert_int_equal(config.log_format, CONFIG_LOG_NONE);
    assert_true(parse_variable(&config, &err, "WHEREFORE_LISTEN=[::1]:1"));
    assert_string_equal(config.listen, "[::1]:1");
    config_release(&config);
}

static void commas_separate_the_items_of_a_variable(void **state)
{
    struct config config = {0};
    struct error err = {0};

    (void)state;
    assert_true(parse_variable(&config, &err, "WHEREFORE_MODEL=a:b, c d ,e"));
    assert_int_equal(config.models.count, 3);
    assert_string_equal(config.models.items[0], "a:b");
    assert_string_equal(config.models.items[1], "c d");
    assert_string_equal(config.models.items[2], "e");
    config_release(&config);
}

static void other_variables_are_left_alone(void **state)
{
    char *environment[] = {
        (char[]){"PATH=/bin"},
        (char[]){"WHEREFORE=build/wherefore"},
        (char[]){"wherefore_workers=7"},
        (char[]){"WHEREFORE_SERVICE_HOST=10.0.0.1"},
        (char[]){"WHEREFORE_SERVICE_PORT=8080"},
        (char[]){"WHEREFORE_SERVICE_PORT_HTTP=8080"},
        (char[]){"WHEREFORE_PORT=tcp://10.0.0.1:8080"},
        (char[]){"WHEREFORE_PORT_8080_TCP=tcp://10.0.0.1:8080"},
        (char[]){"WHEREFORE_PORT_8080_TCP_PROTO=tcp"},
        (char[]){"WHEREFORE_PORT_8080_TCP_PORT=8080"},
        (char[]){"WHEREFORE_PORT_8080_TCP_ADDR=10.0.0.1"},
        NULL,
    };
    struct config config = {0};
    struct error err = {0};

    (void)state;
    assert_true(parse_environment(&config, &err, environment));
    assert_int_equal(config.workers, 2);
    config_release(&config);
}

static void mistakes_in_variables_are_named(void **state)
{
    static const char long_name[] =
        "WHEREFORE_"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "=1";
    static const struct {
        const char *variable;
        const char *says;
    } cases[] = {
        {"WHEREFORE_WORKERS=0",
         "WHEREFORE_WORKERS: \"0\" is not a number of threads from 1 to 256"},
        {"WHEREFORE_WORKERS=", "WHEREFORE_WORKERS: \"\" is not a number"},
        {"WHEREFORE_WORKERS", "WHEREFORE_WORKERS: \"\" is not a number"},
        {"WHEREFORE_LOG_FORMAT=xml", "\"xml\" is not one of text|json|none"},
        {"WHEREFORE_MODEL=", "FOLDER must not be empty"},
        {"WHEREFORE_MODEL=,", "an item between commas is empty"},
        {"WHEREFORE_MODEL=a,,b", "an item between commas is empty"},
        {"WHEREFORE_MODEL=a,", "an item between commas is empty"},
        {"WHEREFORE_MODEL=0,1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,g", "at most 16"},
        {"WHEREFORE_MODEL=a\nb", "FOLDER must not contain control"},
        {"WHEREFORE_LISTEN=a\177", "ADDRESS:PORT must not contain"},
        {"WHEREFORE_WROKERS=2", "did you mean WHEREFORE_WORKERS?"},
        {"WHEREFORE_MAX_PIXEL=2", "did you mean WHEREFORE_MAX_PIXELS?"},
        {"WHEREFORE_workers=2", "unknown variable WHEREFORE_workers"},
        {"WHEREFORE_=2", "unknown variable WHEREFORE_;"},
        {"WHEREFORE_HELP=1", "unknown variable WHEREFORE_HELP"},
        {"WHEREFORE_CONFIG=/no/such/file", "/no/such/file: cannot be opened"},
        {"WHEREFORE_CONFIG=/", "/: is not a regular file"},
        {long_name, "unknown variable WHEREFORE_AAA"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config config = {0};
        struct error err = {0};

        assert_false(parse_variable(&config, &err, cases[i].variable));
        if (!strstr(err.text, cases[i].says))
            fail_msg("%s: %s", cases[i].variable, err.text);
        config_release(&config);
    }
}

/* ---- which goes before which ---- */

static void write_file(char path[64], const char *text)
{
    int fd;

    strcpy(path, "/tmp/wherefore-config-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* Every set of the three sources: the bits are file, environment, flag. */
static void a_flag_goes_before_a_variable_before_a_file(void **state)
{
    static char by_flag[] = "--workers=30", model_by_flag[] = "--model=f1";
    static char by_variable[] = "WHEREFORE_WORKERS=20";
    static char model_by_variable[] = "WHEREFORE_MODEL=v1,v2";
    char path[64], config_flag[80];

    (void)state;
    write_file(path, "workers = 10\nmodel = c1\nmodel = c2\nmodel = c3\n");
    snprintf(config_flag, sizeof config_flag, "--config=%s", path);
    for (unsigned set = 0; set < 8; set++) {
        char *argv[4], *environment[3];
        int argc = 0, num_variables = 0;
        struct config config;
        struct error err = {0};
        unsigned source = set & 4   ? CONFIG_FLAG
                          : set & 2 ? CONFIG_ENVIRONMENT
                          : set & 1 ? CONFIG_FILE
                                    : CONFIG_DEFAULT;
        static const unsigned workers_of[] = {2, 10, 20, 30};
        static const unsigned models_of[] = {1, 3, 2, 1};
        static const char first_of[] = "mcvf";

        if (set & 4) {
            argv[argc++] = by_flag;
            argv[argc++] = model_by_flag;
        }
        if (set & 2) {
            environment[num_variables++] = by_variable;
            environment[num_variables++] = model_by_variable;
        }
        environment[num_variables] = NULL;
        if (set & 1)
            argv[argc++] = config_flag;
        config_init(&config);
        assert_true(config_read(&config, argc, argv, environment, &err));
        assert_int_equal(config.workers, workers_of[source]);
        assert_int_equal(config.models.count, models_of[source]);
        assert_int_equal(config.models.items[0][0], first_of[source]);
        assert_int_equal(config.queue_length, 64);
        config_release(&config);
    }
    unlink(path);
}

static void a_flag_names_another_file_than_the_variable(void **state)
{
    char one[64], two[64], variable[96], flag[96], none[] = "--config=";
    struct config config;
    struct error err = {0};

    (void)state;
    write_file(one, "workers = 11\n");
    write_file(two, "workers = 12\n");
    snprintf(variable, sizeof variable, "WHEREFORE_CONFIG=%s", one);
    snprintf(flag, sizeof flag, "--config=%s", two);
    config_init(&config);
    assert_true(config_read(&config, 0, NULL, ARGS(variable), &err));
    assert_int_equal(config.workers, 11);
    config_release(&config);
    config_init(&config);
    assert_true(config_read(&config, 1, ARGS(flag), ARGS(variable), &err));
    assert_int_equal(config.workers, 12);
    config_release(&config);
    config_init(&config);
    assert_true(config_read(&config, 1, ARGS(none), ARGS(variable), &err));
    assert_int_equal(config.workers, 2);
    config_release(&config);
    unlink(one);
    unlink(two);
}

static void what_gives_way_must_be_right_too(void **state)
{
    static char variable[] = "WHEREFORE_WORKERS=many";
    struct config config;
    struct error err = {0};

    (void)state;
    config_init(&config);
    assert_false(config_read(&config, 1, ARGS(joined), ARGS(variable), &err));
    assert_non_null(strstr(err.text, "WHEREFORE_WORKERS: \"many\""));
    config_release(&config);
}

static bool read_all(void *path, struct error *err)
{
    static char flag[] = "--model=one", two[] = "--model=two";
    static char variable[] = "WHEREFORE_MODEL=three,four";
    char config_flag[80];
    struct config config;
    bool ok;

    snprintf(config_flag, sizeof config_flag, "--config=%s", (char *)path);
    config_init(&config);
    ok = config_read(&config, 3, ARGS(flag, two, config_flag), ARGS(variable),
                     err);
    config_release(&config);
    return ok;
}

static void every_failed_allocation_is_survived(void **state)
{
    char path[64];

    (void)state;
    write_file(path, "input-size = 448\nlisten = :1\n");
    alloc_sweep(read_all, path);
    unlink(path);
}

/* ---- for people ---- */

/* Makes all spaces in a row, line ends among them, one. */
static void join_lines(char *text)
{
    char *to = text;

    for (const char *at = text; *at; at++)
        if ((*at != ' ' && *at != '\n') || at[1] != ' ')
            *to++ = *at == '\n' ? ' ' : *at;
    *to = '\0';
}

static void the_help_has_every_flag_and_its_default(void **state)
{
    static char text[65536];
    FILE *out = fmemopen(text, sizeof text, "w");

    (void)state;
    assert_non_null(out);
    config_print_help(out);
    fclose(out);
    join_lines(text);
#define SECTION(name, about) assert_non_null(strstr(text, name ": " about));
#define TEXT(field, flag, def, value, help)             \
    assert_non_null(strstr(text, "--" flag " " value)); \
    assert_non_null(strstr(text, *def ? def : "none"));
#define LIST TEXT
#define NUMBER(field, flag, def, min, max, unit, help) \
    assert_non_null(strstr(text, "--" flag " N"));     \
    assert_non_null(strstr(text, "(default: " #def));
#define CHOICE(field, flag, def, choices, help) \
    assert_non_null(strstr(text, "--" flag " " choices));
#define X(action, flag, help) assert_non_null(strstr(text, "--" flag " "));
    CONFIG_OPTIONS(SECTION, TEXT, LIST, NUMBER, CHOICE)
    CONFIG_ACTIONS(X)
#undef SECTION
#undef TEXT
#undef LIST
#undef NUMBER
#undef CHOICE
#undef X
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_valid),
        cmocka_unit_test(a_value_follows_a_space_or_an_equals_sign),
        cmocka_unit_test(a_list_is_its_default_until_it_is_given),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_later_flag_goes_before_an_earlier_one),
        cmocka_unit_test(the_config_owns_its_texts),
        cmocka_unit_test(actions_are_flags_without_a_value),
        cmocka_unit_test(a_variable_is_the_flag_in_capitals),
        cmocka_unit_test(commas_separate_the_items_of_a_variable),
        cmocka_unit_test(other_variables_are_left_alone),
        cmocka_unit_test(mistakes_in_variables_are_named),
        cmocka_unit_test(a_flag_goes_before_a_variable_before_a_file),
        cmocka_unit_test(a_flag_names_another_file_than_the_variable),
        cmocka_unit_test(what_gives_way_must_be_right_too),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(the_help_has_every_flag_and_its_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
