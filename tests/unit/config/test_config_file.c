/* The options of `wherefore serve` in a file. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/config/config_file.h"
#include "server/config/config_print.h"

#include <cmocka.h>

#define A10 "aaaaaaaaaa"
#define A100 A10 A10 A10 A10 A10 A10 A10 A10 A10 A10

/* Of exactly its length, for the sanitizer. */
static bool parse_bytes(struct config *config, const char *text, size_t len,
                        struct error *err)
{
    char *exact = malloc(len ? len : 1);
    bool ok;

    assert_non_null(exact);
    memcpy(exact, text, len);
    config_init(config);
    ok = config_file_parse(config, "f.ini", exact, len, err);
    free(exact);
    return ok;
}

static void parse(struct config *config, const char *text)
{
    struct error err = {0};

    if (!parse_bytes(config, text, strlen(text), &err))
        fail_msg("%s: %s", text, err.text);
}

static void keys_are_flags_in_sections_or_above_them(void **state)
{
    struct config config;

    (void)state;
    parse(&config, "queue-length = 7\n"
                   "[models]\nmodel = one\nmodel=two\n"
                   "[work]\nworkers:3\n"
                   "[models]\nmodel = three\n"
                   "[log]\nlog-format = json");
    assert_int_equal(config.queue_length, 7);
    assert_int_equal(config.workers, 3);
    assert_int_equal(config.models.count, 3);
    assert_string_equal(config.models.items[0], "one");
    assert_string_equal(config.models.items[2], "three");
    assert_int_equal(config.log_format, CONFIG_LOG_JSON);
    config_release(&config);
}

static void comments_spaces_and_line_ends_are_no_values(void **state)
{
    struct config config;

    (void)state;
    parse(&config, "\xef\xbb\xbf# comment\r\n; comment\r\n\r\n"
                   "  [work]  ; about\r\n"
                   "\tworkers =  3\t ; comment\r\n"
                   "; " A100 A100 A100 "\r\n"
                   "   queue-length=9\r\n"
                   "[models]\r\nmodel = a;b c \r\n");
    assert_int_equal(config.workers, 3);
    assert_int_equal(config.queue_length, 9);
    assert_int_equal(config.models.count, 1);
    assert_string_equal(config.models.items[0], "a;b c");
    config_release(&config);
    parse(&config, "");
    config_release(&config);
    parse(&config, "\xef\xbb\xbf");
    config_release(&config);
}

#define CASE(text, says)             \
    {                                \
        text, sizeof(text) - 1, says \
    }

static void mistakes_are_named_with_their_line(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *says;
    } cases[] = {
        CASE("\nwrokers = 3\n",
             "f.ini:2: unknown key \"wrokers\"; did you mean workers?"),
        CASE("frobnicate = 3\n", "f.ini:1: unknown key \"frobnicate\"; "),
        CASE(" = 3\n", "f.ini:1: unknown key \"\""),
        CASE("--workers = 3", "f.ini:1: unknown key \"--workers\"; did you"),
        CASE("config = other.ini", "f.ini:1: config is not allowed in a file"),
        CASE("[log]\nworkers = 3",
             "f.ini:2: workers belongs in section [work], not [log]"),
        CASE("[wrok]\nworkers = 3", "section [work], not [wrok]"),
        CASE("[work]\nworkers = 3\n#\nworkers = 4",
             "f.ini:4: workers is already set in line 2"),
        CASE("[work]\nworkers = 3\nworkers = 3", "f.ini:3: workers is already"),
        CASE(
            "workers = 0",
            "f.ini:1: workers: \"0\" is not a number of threads from 1 to 256"),
        CASE("workers =", "f.ini:1: workers: \"\" is not a number"),
        CASE("log-format = xml", "\"xml\" is not one of text|json|none"),
        CASE("model =", "f.ini:1: model: FOLDER must not be empty"),
        CASE("model = ; none", "f.ini:1: model: FOLDER must not be empty"),
        CASE("#\n#\nworkers\n", "f.ini:3: expected key = value"),
        CASE("[work\nworkers = 3", "f.ini:1: expected key = value"),
        CASE("nonsense\nworkers = 0\n", "f.ini:1: expected"),
        CASE("workers = 0\nnonsense\n", "f.ini:1: workers: \"0\""),
        CASE("nonsense\n\1\n", "f.ini:1: expected"),
        CASE("model = a\0b\n", "f.ini:1: control character \\x00"),
        CASE("\nmodel = a\033[1m\n", "f.ini:2: control character \\x1b"),
        CASE("model = a\177\n", "control character \\x7f"),
        CASE("model = a\rmodel = b\n", "control character \\x0d"),
        CASE("model = a\tb\n", "f.ini:1: model: FOLDER must not"),
        CASE("\xff\xfew\0o\0", "f.ini:1: control character"),
        CASE("#\nmodel = " A100 A100,
             "f.ini:2: the line is 208 bytes long; at most 197 are allowed"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config config;
        struct error err = {0};

        if (parse_bytes(&config, cases[i].text, cases[i].len, &err))
            fail_msg("%s: is accepted", cases[i].text);
        assert_int_equal(err.kind, ERROR_INPUT);
        if (!strstr(err.text, cases[i].says))
            fail_msg("%s: %s", cases[i].text, err.text);
        config_release(&config);
    }
}

static void the_longest_line_is_read_whole(void **state)
{
    char text[256] = "model = ";
    struct config config;
    struct error err = {0};

    (void)state;
    memset(text + 8, 'm', 197 - 8);
    for (int with_end = 0; with_end < 3; with_end++) {
        memcpy(text + 197, "\r\nworkers = 5", 14);
        if (with_end == 1)
            memcpy(text + 197, "\nworkers = 5", 13);
        if (with_end == 2)
            text[197] = '\0';
        assert_true(parse_bytes(&config, text, strlen(text), &err));
        assert_int_equal(strlen(config.models.items[0]), 197 - 8);
        assert_int_equal(config.workers, with_end == 2 ? 2 : 5);
        config_release(&config);
    }
}

static void a_file_has_a_largest_size(void **state)
{
    char path[] = "/tmp/wherefore-config-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    struct config config;
    struct error err = {0};

    (void)state;
    assert_non_null(file);
    for (size_t i = 0; i < CONFIG_FILE_MAX_BYTES / 2; i++)
        fputs("#\n", file);
    fflush(file);
    config_init(&config);
    assert_true(config_file_read(&config, path, &err));
    fputs("#", file);
    fclose(file);
    assert_false(config_file_read(&config, path, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_non_null(strstr(err.text, "at most 65536 are allowed"));
    assert_non_null(strstr(err.text, path));
    config_release(&config);
    remove(path);
}

static void print(char *text, size_t size, const struct config *config)
{
    FILE *out = fmemopen(text, size, "w");

    assert_non_null(out);
    config_print_file(out, config);
    fclose(out);
}

static void what_is_printed_is_read_again(void **state)
{
    static char text[65536];
    struct config config;

    (void)state;
    parse(&config, "max-pixels = 12\nmodel = a b\nmodel = \xc3\xa4;\n"
                   "log-format = none\n");
    print(text, sizeof text, &config);
    config_release(&config);
    assert_non_null(strstr(text, "\n# , line 1\nmax-pixels = 12\n"));
    assert_non_null(strstr(text, "\n# the default\nworkers = 2\n"));
    parse(&config, text);
    assert_int_equal(config.max_pixels, 12);
    assert_int_equal(config.models.count, 2);
    assert_string_equal(config.models.items[1], "\xc3\xa4;");
    assert_int_equal(config.log_format, CONFIG_LOG_NONE);
    config_release(&config);
}

static void what_no_line_can_hold_is_printed_as_a_comment(void **state)
{
    static const char *const values[] = {"a ;b", ";b", " a", "a ", A100 A100};

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        static char text[65536];
        struct config config;
        char start[32];

        config_init(&config);
        config.models.items[0] = values[i];
        print(text, sizeof text, &config);
        config_release(&config);
        snprintf(start, sizeof start, "\n# model = %.9s", values[i]);
        assert_non_null(strstr(text, start));
        parse(&config, text);
        config_release(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_flags_in_sections_or_above_them),
        cmocka_unit_test(comments_spaces_and_line_ends_are_no_values),
        cmocka_unit_test(mistakes_are_named_with_their_line),
        cmocka_unit_test(the_longest_line_is_read_whole),
        cmocka_unit_test(a_file_has_a_largest_size),
        cmocka_unit_test(what_is_printed_is_read_again),
        cmocka_unit_test(what_no_line_can_hold_is_printed_as_a_comment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
