#include "server/config/config_option.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/digits.h"

#define SECTION(name, about) \
    {CONFIG_OPTION_SECTION, name, 0, NULL, 0, 0, 0, "", about},
#define TEXT(field, flag, def, value, help) \
    {CONFIG_OPTION_TEXT,                    \
     flag,                                  \
     offsetof(struct config, field),        \
     def,                                   \
     0,                                     \
     0,                                     \
     0,                                     \
     value,                                 \
     help},
#define LIST(field, flag, def, value, help) \
    {CONFIG_OPTION_LIST,                    \
     flag,                                  \
     offsetof(struct config, field),        \
     def,                                   \
     0,                                     \
     0,                                     \
     0,                                     \
     value,                                 \
     help},
#define NUMBER(field, flag, def, min, max, unit, help) \
    {CONFIG_OPTION_NUMBER,                             \
     flag,                                             \
     offsetof(struct config, field),                   \
     NULL,                                             \
     def,                                              \
     min,                                              \
     max,                                              \
     unit,                                             \
     help},
#define CHOICE(field, flag, def, choices, help) \
    {CONFIG_OPTION_CHOICE,                      \
     flag,                                      \
     offsetof(struct config, field),            \
     NULL,                                      \
     def,                                       \
     0,                                         \
     0,                                         \
     choices,                                   \
     help},
static const struct config_option options[CONFIG_NUM_ROWS] = {
    CONFIG_OPTIONS(SECTION, TEXT, LIST, NUMBER, CHOICE)};
#undef SECTION
#undef TEXT
#undef LIST
#undef NUMBER
#undef CHOICE

static const char *const actions[] = {
#define X(action, flag, help) flag,
    CONFIG_ACTIONS(X)
#undef X
};

enum { NUM_ACTIONS = sizeof actions / sizeof actions[0] };

const struct config_option *config_option_at(size_t i)
{
    return i < CONFIG_NUM_ROWS ? &options[i] : NULL;
}

const struct config_option *config_option_find(const char *name, size_t len)
{
    for (size_t i = 0; i < CONFIG_NUM_ROWS; i++)
        if (options[i].type != CONFIG_OPTION_SECTION &&
            strlen(options[i].flag) == len &&
            memcmp(options[i].flag, name, len) == 0)
            return &options[i];
    return NULL;
}

const char *config_option_section(const struct config_option *option)
{
    while (option->type != CONFIG_OPTION_SECTION)
        option--;
    return option->flag;
}

bool config_option_in_file(const struct config_option *option)
{
    return option->offset != offsetof(struct config, file);
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

struct guess {
    const char *name;
    unsigned distance;
};

static void consider(struct guess *guess, const char *given, const char *name)
{
    unsigned d = distance(given, name);

    if (d < guess->distance)
        *guess = (struct guess){name, d};
}

const char *config_option_nearest(const char *name, size_t len,
                                  bool with_actions)
{
    struct guess guess = {NULL, 4}; /* farther is not a slip of the finger */
    char given[32] = "";

    if (len >= sizeof given)
        return NULL;
    memcpy(given, name, len);
    for (size_t i = 0; i < CONFIG_NUM_ROWS; i++)
        if (options[i].type != CONFIG_OPTION_SECTION)
            consider(&guess, given, options[i].flag);
    for (size_t i = 0; with_actions && i < NUM_ACTIONS; i++)
        consider(&guess, given, actions[i]);
    return guess.name;
}

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

static void *field_of(struct config *config, const struct config_option *option)
{
    return (char *)config + option->offset;
}

static void set_text(struct config *config, const struct config_option *option,
                     const char *value)
{
    memcpy(field_of(config, option), &value, sizeof value);
}

static void set_number(struct config *config,
                       const struct config_option *option, uint64_t value)
{
    unsigned choice = (unsigned)value;

    if (option->type == CONFIG_OPTION_CHOICE)
        memcpy(field_of(config, option), &choice, sizeof choice);
    else
        memcpy(field_of(config, option), &value, sizeof value);
}

void config_option_reset(struct config *config,
                         const struct config_option *option)
{
    struct config_list list = {{option->text}, 1, false};

    config->origins[option - options] = (struct config_origin){0};
    switch (option->type) {
    case CONFIG_OPTION_SECTION:
        break;
    case CONFIG_OPTION_TEXT:
        set_text(config, option, option->text);
        break;
    case CONFIG_OPTION_LIST:
        list.count = *option->text != '\0';
        memcpy(field_of(config, option), &list, sizeof list);
        break;
    default:
        set_number(config, option, option->number);
    }
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

static bool check_words(const struct config_option *option, const char *value,
                        struct error *err)
{
    if (!*value && *option->text)
        return fail(err, ERROR_INPUT, "%s is missing", option->accepts);
    for (; *value; value++)
        if ((unsigned char)*value < ' ' || *value == 127)
            return fail(err, ERROR_INPUT,
                        "there is a control character in the %s",
                        option->accepts);
    return true;
}

/* Nothing given makes the list empty. */
static bool add_text(struct config_list *list, const char *text,
                     struct error *err)
{
    if (!*text) {
        list->count = 0;
        return true;
    }
    if (list->count == CONFIG_MAX_LIST)
        return fail(err, ERROR_INPUT, "at most %d may be given",
                    CONFIG_MAX_LIST);
    list->items[list->count++] = text;
    return true;
}

static bool set_words(struct config *config, const struct config_option *option,
                      const char *value, bool first, struct error *err)
{
    const char *kept = keep(config, value);
    struct config_list *list;

    if (!kept)
        return fail(err, ERROR_MEMORY, "no room for a text of %zu bytes",
                    strlen(value));
    if (option->type == CONFIG_OPTION_TEXT) {
        set_text(config, option, kept);
        return true;
    }
    list = field_of(config, option);
    if (first)
        list->count = 0;
    list->given = true;
    return add_text(list, kept, err);
}

/* Only a list keeps what the same source has given before. */
static bool parse(uint64_t *number, const struct config_option *option,
                  const char *value, struct error *err)
{
    switch (option->type) {
    case CONFIG_OPTION_TEXT:
    case CONFIG_OPTION_LIST:
        return check_words(option, value, err);
    case CONFIG_OPTION_NUMBER:
        if (!digits_parse(number, value) || *number < option->min ||
            *number > option->max)
            return fail(err, ERROR_INPUT,
                        "\"%.60s\" is not a number of %s from %ju to %ju",
                        value, option->accepts, (uintmax_t)option->min,
                        (uintmax_t)option->max);
        return true;
    case CONFIG_OPTION_CHOICE:
        if (!parse_choice(number, option->accepts, value))
            return fail(err, ERROR_INPUT, "\"%.60s\" is not one of %s", value,
                        option->accepts);
        return true;
    default:
        return fail(err, ERROR_INTERNAL, "option type %d", (int)option->type);
    }
}

bool config_option_set(struct config *config,
                       const struct config_option *option, const char *value,
                       struct config_origin origin, struct error *err)
{
    struct config_origin *old = &config->origins[option - options];
    bool first = old->source != origin.source;
    uint64_t number = 0;

    if (!parse(&number, option, value, err))
        return false;
    if (old->source > origin.source)
        return true;
    if (option->type == CONFIG_OPTION_TEXT ||
        option->type == CONFIG_OPTION_LIST) {
        if (!set_words(config, option, value, first, err))
            return false;
    } else {
        set_number(config, option, number);
    }
    *old = origin;
    return true;
}

struct config_origin config_option_origin(const struct config *config,
                                          const struct config_option *option)
{
    return config->origins[option - options];
}

/* The name of choice number `n` of "a|b|c". */
static const char *name_choice(char name[32], const char *choices, uint64_t n)
{
    while (n-- > 0)
        choices += strcspn(choices, "|") + 1;
    snprintf(name, 32, "%.*s", (int)strcspn(choices, "|"), choices);
    return name;
}

const char *config_option_value(char digits[32], const struct config *config,
                                const struct config_option *option, size_t i)
{
    const void *field = (const char *)config + option->offset;
    const struct config_list *list;

    if (option->type == CONFIG_OPTION_LIST) {
        list = field;
        return i < list->count ? list->items[i] : NULL;
    }
    if (i > 0)
        return NULL;
    switch (option->type) {
    case CONFIG_OPTION_TEXT:
        return *(const char *const *)field;
    case CONFIG_OPTION_NUMBER:
        snprintf(digits, 32, "%ju", (uintmax_t) * (const uint64_t *)field);
        return digits;
    case CONFIG_OPTION_CHOICE:
        return name_choice(digits, option->accepts, *(const unsigned *)field);
    default:
        return NULL;
    }
}
