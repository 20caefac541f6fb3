/* A command line read by a table of options, and the help made of it. */

#include "server/config/options.c" /* before cmocka.h, which has a macro fail */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct look {
    uint32_t small;
    uint64_t large;
    unsigned choice;
    bool json, help;
    const char *text, *word, *operands[4];
    size_t num_operands;
};

#define FIELD(field) OPTION_FIELD(struct look, field)
static const struct option rows[] = {
    {OPTION_SECTION, "numbers", .help = "how many"},
    {OPTION_NUMBER, "small", "N", "a number", .min = 1, .max = 9, FIELD(small)},
    {OPTION_NUMBER, "large", "N", "a number", "bytes", .max = UINT64_MAX,
     FIELD(large)},
    {OPTION_CHOICE, "choice", "a|b|c", "a letter", "a|b|c", FIELD(choice)},
    {OPTION_WORD, "word", "WORD", "a word", "one|two", FIELD(word)},
    {OPTION_TEXT, "text", "TEXT", "a text", FIELD(text)},
    {OPTION_SWITCH, "text-json", NULL, "as JSON", FIELD(json)},
    OPTION_HELP(struct look, help),
};

enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

static bool take_operand(void *data, char *text, struct error *err)
{
    struct look *look = data;

    (void)err;
    look->operands[look->num_operands++] = text;
    return true;
}

#define PARSE(look, err, ...)                                       \
    options_parse(rows, NUM_ROWS, look, take_operand,               \
                  sizeof((char *[]){__VA_ARGS__}) / sizeof(char *), \
                  (char *[]){__VA_ARGS__}, err)

static char small[] = "--small=3", large[] = "--large", ten[] = "10";
static char word[] = "--w=two", choice[] = "--choice=c", json[] = "--text-json";
static char end[] = "--", dash[] = "-", help[] = "--help", letter[] = "-h";

static void values_go_into_their_fields(void **state)
{
    struct look look = {0};

    (void)state;
    assert_true(PARSE(&look, NULL, small, large, ten, word, choice, json));
    assert_int_equal(look.small, 3);
    assert_int_equal(look.large, 10);
    assert_int_equal(look.choice, 2);
    assert_string_equal(look.word, "two");
    assert_true(look.json);
    assert_null(look.text);
}

static void operands_stand_anywhere_and_two_dashes_end_the_options(void **state)
{
    struct look look = {0};

    (void)state;
    assert_true(PARSE(&look, NULL, ten, small, dash, end, help));
    assert_int_equal(look.num_operands, 3);
    assert_string_equal(look.operands[0], "10");
    assert_string_equal(look.operands[1], "-");
    assert_string_equal(look.operands[2], "--help");
    assert_false(look.help);
}

static void help_goes_before_all_else(void **state)
{
    static char nonsense[] = "--nonsense";
    struct look look = {0};

    (void)state;
    assert_true(PARSE(&look, NULL, small, nonsense, letter));
    assert_true(look.help);
    assert_int_equal(look.small, 0);
}

static void mistakes_are_named(void **state)
{
    static const struct {
        const char *argument, *says;
    } cases[] = {
        {"--small=10", "--small: \"10\" is not a whole number from 1 to 9"},
        {"--large=-1", "--large: \"-1\" is not a number of bytes from 0 to 18"},
        {"--choice=d", "--choice: \"d\" is not one of a|b|c"},
        {"--word=", "--word: \"\" is not one of one|two"},
        {"--tex=a", "ambiguous option --tex; --help lists the options"},
        {"--text", "--text requires a value"},
        {"--text-json=1", "--text-json takes no value"},
        {"--lrage=1", "unknown option --lrage; did you mean --large?"},
        {"--numbers=1", "unknown option --numbers; --help lists the options"},
        {"--=1", "unknown option --; --help lists the options"},
        {"-s", "unknown option -s; --help lists the options"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct look look = {0};
        struct error err = {0};
        char argument[64];

        snprintf(argument, sizeof argument, "%s", cases[i].argument);
        assert_false(PARSE(&look, &err, argument));
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_memory_equal(err.text, cases[i].says, strlen(cases[i].says));
    }
}

static void the_help_has_what_the_rows_say(void **state)
{
    static const char expected[] =
        "\nnumbers: how many\n"
        "  --small N             a number (1 to 9)\n"
        "  --large N             a number (default: 7; 0 to "
        "18446744073709551615 bytes)\n"
        "  --choice a|b|c        a letter (default: b)\n"
        "  --word WORD           a word (default: one)\n"
        "  --text TEXT           a text\n"
        "  --text-json           as JSON\n"
        "  --help                print this and exit\n";
    const struct look defaults = {.large = 7, .choice = 1, .word = "one"};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    assert_non_null(out);
    options_print(out, rows, NUM_ROWS, &defaults);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void long_help_is_wrapped_beside_the_flags(void **state)
{
    static const struct option wide[] = {
        {OPTION_TEXT, "a-flag-that-is-wide", "TEXT",
         "some words that do not fit into a single line of a terminal as it is",
         .fallback = ""},
    };
    static const char expected[] =
        "  --a-flag-that-is-wide TEXT\n"
        "                        some words that do not fit into a single line "
        "of a\n"
        "                        terminal as it is (default: none)\n";
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    assert_non_null(out);
    options_print(out, wide, 1, NULL);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_go_into_their_fields),
        cmocka_unit_test(
            operands_stand_anywhere_and_two_dashes_end_the_options),
        cmocka_unit_test(help_goes_before_all_else),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(the_help_has_what_the_rows_say),
        cmocka_unit_test(long_help_is_wrapped_beside_the_flags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
