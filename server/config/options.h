#ifndef SERVER_CONFIG_OPTIONS_H
#define SERVER_CONFIG_OPTIONS_H

/* Reads a command line, and prints its help, by a table with one row per
 * option.
 *
 *     struct look { uint32_t runs; bool json, help; const char *file; };
 *
 *     static const struct option rows[] = {
 *         {OPTION_NUMBER, "runs", "N", "runs to measure", .min = 1,
 *          .max = 100, OPTION_FIELD(struct look, runs)},
 *         {OPTION_SWITCH, "json", NULL, "print JSON",
 *          OPTION_FIELD(struct look, json)},
 *         OPTION_HELP(struct look, help),
 *     };
 *
 * `--runs 3`, `--runs=3` and the unambiguous prefix `--ru 3` are the same. "--"
 * ends the options; operands may stand between options. Any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/error.h"

enum option_type {
    OPTION_SECTION, /* a heading in the help, not an option */
    OPTION_SWITCH,  /* bool; takes no value */
    OPTION_TEXT,    /* const char *, borrowed */
    OPTION_LIST,    /* several texts; `take` keeps them */
    OPTION_NUMBER,  /* uint32_t or uint64_t */
    OPTION_SHARE,   /* float: 0 to 1 */
    OPTION_CHOICE,  /* unsigned: which of `accepts` */
    OPTION_WORD,    /* const char *: one of `accepts` */
};

struct option;

/* Takes the value of an option; NULL for a switch. ERROR_INPUT says what is
 * accepted; the caller prefixes the flag. */
typedef bool options_take_fn(void *data, const struct option *option,
                             const char *value, struct error *err);

struct option {
    enum option_type type;
    const char *flag;     /* or the section's name */
    const char *argument; /* what the help calls the value */
    const char *help;
    const char *accepts;   /* a number's unit; "a|b|c" of a choice or a word;
                            * what else the help says of a text; or NULL */
    const char *fallback;  /* the default in words, "" for none; NULL: it is in
                            * the field */
    size_t offset, size;   /* of the field in the caller's struct */
    uint64_t number;       /* default of a number or a choice, for callers */
    uint64_t min, max;     /* of a number, inclusive */
    options_take_fn *take; /* NULL: the value goes into the field */
    const char *bare;      /* the value of a flag without "=VALUE", which then
                            * takes no argument; NULL: it requires one */
};

#define OPTION_FIELD(owner, field) \
    .offset = offsetof(owner, field), .size = sizeof(((owner *)0)->field)

/* "a|b|c" of a list X(choice, name). */
#define OPTION_WORDS(list) (&(list(OPTION_NAME))[1])
#define OPTION_NAME(choice, name) "|" name

/* The row that every table has. */
#define OPTION_HELP(owner, field)                           \
    {                                                       \
        OPTION_SWITCH, "help", NULL, "print this and exit", \
            OPTION_FIELD(owner, field)                      \
    }

/* Reads the arguments, of which the first is argv[0]. Arguments that are not
 * options go to `operand`. With -h or --help among them, only that row is
 * taken. ERROR_INPUT names the option, and suggests the nearest for an unknown
 * one. */
bool options_parse(const struct option *rows, size_t count, void *data,
                   bool (*operand)(void *data, char *text, struct error *err),
                   int argc, char *const *argv, struct error *err)
    __attribute__((warn_unused_result));

/* Prints the rows with the defaults found in `data`; with a text before and
 * behind them. */
void options_print(FILE *out, const struct option *rows, size_t count,
                   const void *data);
void options_print_manual(FILE *out, const char *head,
                          const struct option *rows, size_t count,
                          const void *data, const char *tail);

/* Takes one value, as the command line does; NULL of a switch. ERROR_INPUT says
 * what is accepted, but does not name the option. */
bool options_set(void *data, const struct option *option, const char *value,
                 struct error *err) __attribute__((warn_unused_result));

/* Checks a value by its row's type. *number is set for a number or a choice.
 * ERROR_INPUT says what is accepted, but does not name the option. */
bool options_check(uint64_t *number, const struct option *option,
                   const char *value, struct error *err)
    __attribute__((warn_unused_result));

/* Sets the field of a number or a choice. */
void options_store(void *data, const struct option *option, uint64_t number);

/* The field's value as a text; `digits` is space for a number. NULL: it is
 * empty, or not a text, a number, a share or a choice. */
const char *options_value(char digits[32], const void *data,
                          const struct option *option);

/* The flag that a misspelt name most likely means, or NULL. */
const char *options_nearest(const struct option *rows, size_t count,
                            const char *name, size_t len);

#endif
