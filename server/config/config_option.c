#include "server/config/config_option.h"

#include <stdlib.h>
#include <string.h>

static bool take_flag(void *data, const struct option *option,
                      const char *value, struct error *err)
{
    /* config_read_with has copies of the rows. */
    return config_option_set(
        data, config_option_find(option->flag, strlen(option->flag)), value,
        (struct config_origin){CONFIG_FLAG, 0}, err);
}

static bool take_action(void *data, const struct option *option,
                        const char *value, struct error *err)
{
    struct config *config = data;

    (void)value;
    (void)err;
    config->action = (enum config_action)option->number;
    return true;
}

#define FIELD(field) OPTION_FIELD(struct config, field), .take = take_flag
#define SECTION(name, about) {OPTION_SECTION, name, .help = about},
#define TEXT(field, flag, def, value, help) \
    {OPTION_TEXT, flag, value, help, .fallback = def, FIELD(field)},
#define LIST(field, flag, def, value, help) \
    {OPTION_LIST, flag, value, help, .fallback = def, FIELD(field)},
#define NUMBER(field, flag, def, least, most, unit, help)         \
    {OPTION_NUMBER, flag,         "N",         help,        unit, \
     .number = def, .min = least, .max = most, FIELD(field)},
#define CHOICE(field, flag, def, choices, help) \
    {OPTION_CHOICE, flag, choices, help, choices, .number = def, FIELD(field)},
#define X(action, flag, help) \
    {OPTION_SWITCH, flag, NULL, help, .number = action, .take = take_action},
const struct option config_option_rows[CONFIG_NUM_ROWS + CONFIG_NUM_ACTIONS] = {
    CONFIG_OPTIONS(SECTION, TEXT, LIST, NUMBER, CHOICE) CONFIG_ACTIONS(X)};
#undef SECTION
#undef TEXT
#undef LIST
#undef NUMBER
#undef CHOICE
#undef X

const struct option *config_option_at(size_t i)
{
    return i < CONFIG_NUM_ROWS ? &config_option_rows[i] : NULL;
}

const struct option *config_option_find(const char *name, size_t len)
{
    for (size_t i = 0; i < CONFIG_NUM_ROWS; i++)
        if (config_option_rows[i].type != OPTION_SECTION &&
            strlen(config_option_rows[i].flag) == len &&
            memcmp(config_option_rows[i].flag, name, len) == 0)
            return &config_option_rows[i];
    return NULL;
}

const char *config_option_section(const struct option *option)
{
    while (option->type != OPTION_SECTION)
        option--;
    return option->flag;
}

bool config_option_in_file(const struct option *option)
{
    return option->offset != offsetof(struct config, file);
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

static void *field_of(struct config *config, const struct option *option)
{
    return (char *)config + option->offset;
}

static void set_text(struct config *config, const struct option *option,
                     const char *value)
{
    memcpy(field_of(config, option), &value, sizeof value);
}

void config_option_reset(struct config *config, const struct option *option)
{
    struct config_list list = {{option->fallback}, 1, false};

    config->origins[option - config_option_rows] = (struct config_origin){0};
    switch (option->type) {
    case OPTION_SECTION:
        break;
    case OPTION_TEXT:
        set_text(config, option, option->fallback);
        break;
    case OPTION_LIST:
        list.count = *option->fallback != '\0';
        memcpy(field_of(config, option), &list, sizeof list);
        break;
    default:
        options_store(config, option, option->number);
    }
}

static bool check_words(const struct option *option, const char *value,
                        struct error *err)
{
    if (!*value && *option->fallback)
        return fail(err, ERROR_INPUT, "%s must not be empty", option->argument);
    for (; *value; value++)
        if ((unsigned char)*value < ' ' || *value == 127)
            return fail(err, ERROR_INPUT,
                        "%s must not contain control characters",
                        option->argument);
    return true;
}

/* An empty text empties the list. */
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

static bool set_words(struct config *config, const struct option *option,
                      const char *value, bool first, struct error *err)
{
    const char *kept = keep(config, value);
    struct config_list *list;

    if (!kept)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for a value of %zu bytes",
                    strlen(value));
    if (option->type == OPTION_TEXT) {
        set_text(config, option, kept);
        return true;
    }
    list = field_of(config, option);
    if (first)
        list->count = 0;
    list->given = true;
    return add_text(list, kept, err);
}

/* A list collects the values of one source; other options keep the last. */
bool config_option_set(struct config *config, const struct option *option,
                       const char *value, struct config_origin origin,
                       struct error *err)
{
    struct config_origin *old = &config->origins[option - config_option_rows];
    bool first = old->source != origin.source;
    bool is_text = option->type == OPTION_TEXT || option->type == OPTION_LIST;
    uint64_t number = 0;

    if (is_text ? !check_words(option, value, err)
                : !options_check(&number, option, value, err))
        return false;
    if (old->source > origin.source)
        return true;
    if (is_text) {
        if (!set_words(config, option, value, first, err))
            return false;
    } else {
        options_store(config, option, number);
    }
    *old = origin;
    return true;
}

struct config_origin config_option_origin(const struct config *config,
                                          const struct option *option)
{
    return config->origins[option - config_option_rows];
}

const char *config_option_value(char digits[32], const struct config *config,
                                const struct option *option, size_t i)
{
    const struct config_list *list =
        (const void *)((const char *)config + option->offset);

    if (option->type == OPTION_LIST)
        return i < list->count ? list->items[i] : NULL;
    return i == 0 ? options_value(digits, config, option) : NULL;
}
