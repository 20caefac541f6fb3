#include "server/config/options.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/digits.h"

enum {
    MAX_SHOWN = 64, /* bytes of an argument in a message */
    MAX_FLAG = 32,  /* longer names have no suggestion */
    HELP_COLUMN = 24,
    LAST_COLUMN = 79,
};

/* ---- one value ---- */

/* The position of `text` in "a|b|c". */
static bool find_word(uint64_t *position, const char *words, const char *text)
{
    size_t len = strlen(text);

    for (*position = 0; *words; ++*position) {
        size_t n = strcspn(words, "|");

        if (n == len && memcmp(words, text, len) == 0)
            return true;
        words += n + (words[n] == '|');
    }
    return false;
}

bool options_check(uint64_t *number, const struct option *option,
                   const char *value, struct error *err)
{
    const char *unit = option->accepts;

    if (option->type == OPTION_NUMBER) {
        if (digits_parse(number, value) && *number >= option->min &&
            *number <= option->max)
            return true;
        return fail(err, ERROR_INPUT, "\"%.60s\" is not a %s%s from %ju to %ju",
                    value, unit ? "number of " : "whole number",
                    unit ? unit : "", (uintmax_t)option->min,
                    (uintmax_t)option->max);
    }
    if ((option->type == OPTION_CHOICE || option->type == OPTION_WORD) &&
        !find_word(number, option->accepts, value))
        return fail(err, ERROR_INPUT, "\"%.60s\" is not one of %s", value,
                    option->accepts);
    return true;
}

void options_store(void *data, const struct option *option, uint64_t number)
{
    uint32_t small = (uint32_t)number;
    void *field = (char *)data + option->offset;

    if (option->size == sizeof small)
        memcpy(field, &small, sizeof small);
    else
        memcpy(field, &number, sizeof number);
}

/* A decimal number from 0 to 1, with an exponent where a program wrote it: .5,
 * 0.25, 1e-05. No minus, no hexadecimal, no words; and no locale: the program
 * never sets one. */
static bool parse_share(float *share, const char *text)
{
    double value;
    char *end;

    if (*text == '-' || text[strspn(text, "0123456789.eE+-")])
        return false;
    value = strtod(text, &end);
    if (end == text || *end || !(value <= 1))
        return false;
    *share = (float)value;
    return true;
}

bool options_set(void *data, const struct option *option, const char *value,
                 struct error *err)
{
    char *field = (char *)data + option->offset;
    uint64_t number = 0;

    if (option->take)
        return option->take(data, option, value, err);
    if (option->type == OPTION_SWITCH) {
        *(bool *)field = true;
        return true;
    }
    if (option->type == OPTION_SHARE)
        return parse_share((float *)(void *)field, value) ||
               fail(err, ERROR_INPUT, "\"%.60s\" is not a number from 0 to 1",
                    value);
    if (!options_check(&number, option, value, err))
        return false;
    if (option->type == OPTION_NUMBER || option->type == OPTION_CHOICE)
        options_store(data, option, number);
    else
        memcpy(field, &value, sizeof value);
    return true;
}

const char *options_value(char digits[32], const void *data,
                          const struct option *option)
{
    const char *field = (const char *)data + option->offset;
    const char *text = option->accepts;
    uint64_t number = 0;
    uint32_t small;
    float share;

    if (option->type == OPTION_SHARE) {
        memcpy(&share, field, sizeof share);
        snprintf(digits, 32, "%g", (double)share);
        return digits;
    }
    if (option->type == OPTION_TEXT || option->type == OPTION_WORD) {
        text = NULL;
        if (option->size == sizeof text)
            memcpy(&text, field, sizeof text);
        return text;
    }
    if (option->type != OPTION_NUMBER && option->type != OPTION_CHOICE)
        return NULL;
    if (option->size == sizeof small) {
        memcpy(&small, field, sizeof small);
        number = small;
    } else {
        memcpy(&number, field, sizeof number);
    }
    if (option->type == OPTION_NUMBER) {
        snprintf(digits, 32, "%ju", (uintmax_t)number);
    } else {
        while (number-- > 0)
            text += strcspn(text, "|") + 1;
        snprintf(digits, 32, "%.*s", (int)strcspn(text, "|"), text);
    }
    return digits;
}

/* ---- the command line ---- */

/* Steps of inserting, deleting or replacing one character (Levenshtein). */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[MAX_FLAG];
    size_t b_len = strlen(b);

    if (strlen(a) >= MAX_FLAG || b_len >= MAX_FLAG)
        return 99;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (best > row[j] + 1)
                best = row[j] + 1;
            if (best > row[j - 1] + 1)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_len];
}

/* Suggests nothing at four edits or more, or at half of a short name. */
const char *options_nearest(const struct option *rows, size_t count,
                            const char *name, size_t len)
{
    unsigned least = len < 7 ? (unsigned)(len + 1) / 2 : 4;
    const char *nearest = NULL;
    char given[MAX_FLAG] = "";

    if (len >= sizeof given)
        return NULL;
    memcpy(given, name, len);
    for (size_t i = 0; i < count; i++) {
        unsigned d =
            rows[i].type == OPTION_SECTION ? 99 : distance(given, rows[i].flag);

        if (d < least) {
            least = d;
            nearest = rows[i].flag;
        }
    }
    return nearest;
}

/* The option of that name, or the only one with that prefix. NULL, with
 * *several set if there is more than one. */
static const struct option *find(const struct option *rows, size_t count,
                                 const char *name, size_t len, bool *several)
{
    const struct option *found = NULL;

    *several = false;
    for (size_t i = 0; len > 0 && i < count; i++) {
        if (rows[i].type == OPTION_SECTION ||
            strncmp(rows[i].flag, name, len) != 0)
            continue;
        if (!rows[i].flag[len]) {
            *several = false;
            return &rows[i];
        }
        *several = found != NULL;
        found = &rows[i];
    }
    return *several ? NULL : found;
}

static bool fail_unknown(const struct option *rows, size_t count,
                         const char *name, size_t len, bool several,
                         struct error *err)
{
    const char *nearest = options_nearest(rows, count, name, len);
    int shown = len < MAX_SHOWN ? (int)len : MAX_SHOWN;

    if (several)
        return fail(err, ERROR_INPUT,
                    "ambiguous option --%.*s; --help lists the options", shown,
                    name);
    if (nearest)
        return fail(err, ERROR_INPUT,
                    "unknown option --%.*s; did you mean --%s?", shown, name,
                    nearest);
    return fail(err, ERROR_INPUT,
                "unknown option --%.*s; --help lists the options", shown, name);
}

/* Reads one option and its value, which may be the next argument. Returns the
 * number of arguments used; 0 after a failure. */
static int take_option(const struct option *rows, size_t count, void *data,
                       char *const *argv, int argc, struct error *err)
{
    const char *name = argv[0] + 2;
    size_t len = strcspn(name, "=");
    const char *value = name[len] ? name + len + 1 : NULL;
    bool several, ok;
    const struct option *option = find(rows, count, name, len, &several);
    int used = 1;

    if (!option)
        return fail_unknown(rows, count, name, len, several, err);
    if (!value && option->bare)
        value = option->bare;
    else if (option->type != OPTION_SWITCH && !value && argc > 1)
        value = argv[used++];
    if (option->type == OPTION_SWITCH && value)
        ok = fail(err, ERROR_INPUT, "--%s takes no value", option->flag);
    else if (option->type != OPTION_SWITCH && !value)
        ok = fail(err, ERROR_INPUT, "--%s requires a value", option->flag);
    else
        ok = options_set(data, option, value, err) ||
             error_prefix(err, "--%s", option->flag);
    return ok ? used : 0;
}

static bool asks_for_help(int argc, char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

bool options_parse(const struct option *rows, size_t count, void *data,
                   bool (*operand)(void *data, char *text, struct error *err),
                   int argc, char *const *argv, struct error *err)
{
    static char help[] = "--help";
    bool ended = false;
    int used;

    if (asks_for_help(argc, argv))
        return take_option(rows, count, data, (char *const[]){help}, 1, err);
    for (; argc > 0; argc -= used, argv += used) {
        used = 1;
        if (ended || argv[0][0] != '-' || !argv[0][1]) {
            if (!operand(data, argv[0], err))
                return false;
        } else if (strcmp(argv[0], "--") == 0) {
            ended = true;
        } else if (argv[0][1] != '-') {
            return fail(err, ERROR_INPUT,
                        "unknown option %.*s; --help lists the options",
                        MAX_SHOWN, argv[0]);
        } else {
            used = take_option(rows, count, data, argv, argc, err);
            if (used == 0)
                return false;
        }
    }
    return true;
}

/* ---- the help ---- */

/* Prints words from HELP_COLUMN on; the cursor is at `column`. */
static void print_words(FILE *out, int column, const char *words)
{
    const char *gap = "";

    if (column + 1 >= HELP_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    column += fprintf(out, "%*s", HELP_COLUMN - column, "");
    while (*words) {
        int len = (int)strcspn(words, " ");

        if (*gap && column + 1 + len > LAST_COLUMN) {
            column = fprintf(out, "\n%*s", HELP_COLUMN, "") - 1;
            gap = "";
        }
        column += fprintf(out, "%s%.*s", gap, len, words);
        gap = " ";
        words += len + (words[len] == ' ');
    }
    fputc('\n', out);
}

/* "default: 2; 1 to 256 threads", or the parts of it that apply. */
static void describe(char text[512], const struct option *option,
                     const void *data)
{
    const char *unit = option->accepts ? option->accepts : "";
    char digits[32];
    const char *value = option->fallback ? option->fallback
                                         : options_value(digits, data, option);
    int len = 0;

    *text = '\0';
    if (value && !*value)
        value = "none";
    /* A 0 outside the range means that there is no default. */
    if (value && (option->min == 0 || strcmp(value, "0") != 0))
        len = snprintf(text, 512, "default: %s%s", value,
                       option->type == OPTION_NUMBER ? "; " : "");
    if (option->type == OPTION_NUMBER)
        snprintf(text + len, 512 - (size_t)len, "%ju to %ju%s%s",
                 (uintmax_t)option->min, (uintmax_t)option->max,
                 *unit ? " " : "", unit);
}

static void print_option(FILE *out, const struct option *option,
                         const void *data)
{
    bool has_more = option->type == OPTION_TEXT && option->accepts;
    char text[1024], more[512];
    int column = fprintf(out, "  --%s%s%s%s", option->flag,
                         option->bare       ? "[="
                         : option->argument ? " "
                                            : "",
                         option->argument ? option->argument : "",
                         option->bare ? "]" : "");

    describe(more, option, data);
    snprintf(text, sizeof text, "%s%s%s%s%s%s", option->help,
             has_more ? ": " : "", has_more ? option->accepts : "",
             *more ? " (" : "", more, *more ? ")" : "");
    print_words(out, column, text);
}

void options_print(FILE *out, const struct option *rows, size_t count,
                   const void *data)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].type == OPTION_SECTION)
            fprintf(out, "\n%s: %s\n", rows[i].flag, rows[i].help);
        else
            print_option(out, &rows[i], data);
}

void options_print_manual(FILE *out, const char *head,
                          const struct option *rows, size_t count,
                          const void *data, const char *tail)
{
    fputs(head, out);
    options_print(out, rows, count, data);
    fputs(tail, out);
}
