#include "config.h"

#include <stdlib.h>
#include <string.h>

enum option_type {
    OPTION_SECTION,
    OPTION_TEXT,
    OPTION_LIST,
    OPTION_NUMBER,
    OPTION_CHOICE,
};

struct option {
    enum option_type type;
    const char *flag;    /* or the section's name */
    size_t offset;       /* of the field in struct config */
    const char *text;    /* default of a text or a list */
    uint64_t number;     /* default of a number or a choice */
    uint64_t min, max;   /* of a number, inclusive */
    const char *accepts; /* value name, unit, or "a|b|c" */
    const char *help;
};

#define SECTION(name, about) \
    {OPTION_SECTION, name, 0, NULL, 0, 0, 0, "", about},
#define TEXT(field, flag, def, value, help)                           \
    {OPTION_TEXT, flag, offsetof(struct config, field), def, 0, 0, 0, \
     value,       help},
#define LIST(field, flag, def, value, help)                           \
    {OPTION_LIST, flag, offsetof(struct config, field), def, 0, 0, 0, \
     value,       help},
#define NUMBER(field, flag, def, min, max, unit, help)                         \
    {OPTION_NUMBER, flag, offsetof(struct config, field), NULL, def, min, max, \
     unit,          help},
#define CHOICE(field, flag, def, choices, help)                            \
    {OPTION_CHOICE, flag, offsetof(struct config, field), NULL, def, 0, 0, \
     choices,       help},
static const struct option options[] = {
    CONFIG_OPTIONS(SECTION, TEXT, LIST, NUMBER, CHOICE)};
#undef SECTION
#undef TEXT
#undef LIST
#undef NUMBER
#undef CHOICE

enum { NUM_OPTIONS = sizeof options / sizeof options[0] };

static void *field_of(struct config *config, const struct option *option)
{
    return (char *)config + option->offset;
}

/* Kept until the config is released, whether it comes to be used or not. */
struct config_text {
    struct config_text *next;
    char text[];
};

/* A copy of a text, or NULL. */
static const char *keep(struct config *config, const char *text)
{
    size_t size = strlen(text) + 1;
    struct config_text *kept = malloc(sizeof *kept + size);

    if (!kept)
        return NULL;
    memcpy(kept->text, text, size);
    kept->next = config->texts;
    config->texts = kept;
    return kept->text;
}

static void set_text(struct config *config, const struct option *option,
                     const char *value)
{
    memcpy(field_of(config, option), &value, sizeof value);
}

/* The first one given takes the default's place, and nothing given leaves the
 * list empty. Returns false where there is no room. */
static bool add_text(struct config *config, const struct option *option,
                     const char *value)
{
    struct config_list *list = field_of(config, option);

    if (!list->given || !*value)
        list->count = 0;
    list->given = true;
    if (!*value)
        return true;
    if (list->count == CONFIG_MAX_LIST)
        return false;
    list->items[list->count++] = value;
    return true;
}

static void set_number(struct config *config, const struct option *option,
                       uint64_t value)
{
    unsigned choice = (unsigned)value;

    if (option->type == OPTION_CHOICE)
        memcpy(field_of(config, option), &choice, sizeof choice);
    else
        memcpy(field_of(config, option), &value, sizeof value);
}

void config_init(struct config *config)
{
    *config = (struct config){0};
    for (size_t i = 0; i < NUM_OPTIONS; i++) {
        if (options[i].type == OPTION_TEXT)
            set_text(config, &options[i], options[i].text);
        else if (options[i].type == OPTION_LIST)
            *(struct config_list *)field_of(config, &options[i]) =
                (struct config_list){
                    {options[i].text}, *options[i].text != 0, false};
        else if (options[i].type != OPTION_SECTION)
            set_number(config, &options[i], options[i].number);
    }
}

/* Steps of inserting, deleting or replacing one character (Levenshtein);
 * texts longer than 31 characters count as far away. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[32];
    size_t b_len = strlen(b);

    if (strlen(a) >= 32 || b_len >= 32)
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

static bool fail_unknown(const char *flag, size_t len, struct error *err)
{
    char name[32] = "";
    const char *nearest = NULL;
    unsigned best = 4; /* farther ones are not a slip of the finger */

    if (len < sizeof name)
        memcpy(name, flag, len);
    for (size_t i = 0; i < NUM_OPTIONS; i++) {
        unsigned d = distance(name, options[i].flag);

        if (options[i].type != OPTION_SECTION && d < best) {
            best = d;
            nearest = options[i].flag;
        }
    }
    if (nearest)
        return fail(err, ERROR_INPUT,
                    "unknown option --%.*s; did you mean --%s?", (int)len, flag,
                    nearest);
    return fail(err, ERROR_INPUT, "unknown option --%.*s; --help lists them",
                (int)len, flag);
}

static const struct option *find(const char *flag, size_t len)
{
    for (size_t i = 0; i < NUM_OPTIONS; i++)
        if (options[i].type != OPTION_SECTION &&
            strlen(options[i].flag) == len &&
            memcmp(options[i].flag, flag, len) == 0)
            return &options[i];
    return NULL;
}

/* Decimal digits only: no sign, no space, no overflow. */
static bool parse_digits(uint64_t *number, const char *text)
{
    *number = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        unsigned digit = (unsigned)(*text - '0');

        if (digit > 9 || *number > (UINT64_MAX - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

/* The position of `text` in "a|b|c". */
static bool parse_choice(uint64_t *choice, const char *choices,
                         const char *text)
{
    size_t len = strlen(text);

    for (*choice = 0; *choices; ++*choice) {
        size_t n = strcspn(choices, "|");

        if (n == len && memcmp(choices, text, len) == 0)
            return true;
        choices += n + (choices[n] == '|');
    }
    return false;
}

static bool set_words(struct config *config, const struct option *option,
                      const char *value, struct error *err)
{
    const char *kept;

    if (!*value && *option->text)
        return fail(err, ERROR_INPUT, "--%s: %s is missing", option->flag,
                    option->accepts);
    kept = keep(config, value);
    if (!kept)
        return fail(err, ERROR_MEMORY, "no room for option --%s", option->flag);
    if (option->type == OPTION_TEXT)
        set_text(config, option, kept);
    else if (!add_text(config, option, kept))
        return fail(err, ERROR_INPUT, "--%s: at most %d may be given",
                    option->flag, CONFIG_MAX_LIST);
    return true;
}

static bool set(struct config *config, const struct option *option,
                const char *value, struct error *err)
{
    uint64_t number;

    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_LIST:
        return set_words(config, option, value, err);
    case OPTION_NUMBER:
        if (!parse_digits(&number, value) || number < option->min ||
            number > option->max)
            return fail(err, ERROR_INPUT,
                        "--%s: \"%s\" is not a number of %s from %ju to %ju",
                        option->flag, value, option->accepts,
                        (uintmax_t)option->min, (uintmax_t)option->max);
        break;
    case OPTION_CHOICE:
        if (!parse_choice(&number, option->accepts, value))
            return fail(err, ERROR_INPUT, "--%s: \"%s\" is not one of %s",
                        option->flag, value, option->accepts);
        break;
    default:
        return fail(err, ERROR_INTERNAL, "option type %d", (int)option->type);
    }
    set_number(config, option, number);
    return true;
}

/* What no single option can check. */
static bool check(const struct config *config, struct error *err)
{
    uint64_t needed = config->workers + config->queue_length;

    if (config->max_connections <= needed)
        return fail(err, ERROR_INPUT,
                    "--max-connections: %ju leave no room beside %ju workers "
                    "and %ju waiting requests; at least %ju are needed",
                    (uintmax_t)config->max_connections,
                    (uintmax_t)config->workers, (uintmax_t)config->queue_length,
                    (uintmax_t)(needed + 1));
    return true;
}

bool config_parse(struct config *config, int argc, char *const *argv,
                  struct error *err)
{
    for (int i = 0; i < argc; i++) {
        const char *flag = argv[i];
        const struct option *option;
        size_t len;

        if (strncmp(flag, "--", 2) != 0)
            return fail(err, ERROR_INPUT,
                        "unexpected argument \"%s\"; --help lists the options",
                        flag);
        flag += 2;
        len = strcspn(flag, "=");
        option = find(flag, len);
        if (!option)
            return fail_unknown(flag, len, err);
        if (flag[len] == '=') {
            if (!set(config, option, flag + len + 1, err))
                return false;
        } else if (++i < argc) {
            if (!set(config, option, argv[i], err))
                return false;
        } else {
            return fail(err, ERROR_INPUT, "--%s: a value is missing", flag);
        }
    }
    return check(config, err);
}

/* The name of choice number `n` of "a|b|c". */
static void print_choice(FILE *out, const char *choices, uint64_t n)
{
    while (n-- > 0)
        choices += strcspn(choices, "|") + 1;
    fprintf(out, "%.*s", (int)strcspn(choices, "|"), choices);
}

static void print_option(FILE *out, const struct option *o)
{
    fprintf(out, "  --%s %s\n      %s\n      (default ", o->flag,
            o->type == OPTION_NUMBER ? "N" : o->accepts, o->help);
    if (o->type == OPTION_TEXT || o->type == OPTION_LIST)
        fprintf(out, "%s", *o->text ? o->text : "none");
    else if (o->type == OPTION_NUMBER)
        fprintf(out, "%ju; %ju to %ju %s", (uintmax_t)o->number,
                (uintmax_t)o->min, (uintmax_t)o->max, o->accepts);
    else
        print_choice(out, o->accepts, o->number);
    fprintf(out, ")\n");
}

void config_print_help(FILE *out)
{
    for (size_t i = 0; i < NUM_OPTIONS; i++) {
        if (options[i].type == OPTION_SECTION)
            fprintf(out, "\n%s: %s\n", options[i].flag, options[i].help);
        else
            print_option(out, &options[i]);
    }
}

void config_release(struct config *config)
{
    while (config->texts) {
        struct config_text *next = config->texts->next;

        free(config->texts);
        config->texts = next;
    }
    *config = (struct config){0};
}
