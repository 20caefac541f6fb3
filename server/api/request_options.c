#include "server/api/request_options.h"

#include <stdio.h>
#include <string.h>

/* "a, b or c" of "a|b|c". */
static void list_words(char *text, size_t size, const char *words)
{
    size_t len = 0;

    for (const char *at = words; *at && len < size;) {
        size_t n = strcspn(at, "|");
        const char *gap = at == words ? "" : at[n] ? ", " : " or ";

        len +=
            (size_t)snprintf(text + len, size - len, "%s%.*s", gap, (int)n, at);
        at += n + (at[n] == '|');
    }
}

void request_options_describe(struct request_option *about,
                              const struct request_options *options, size_t i)
{
    const struct option *row = &options->rows[i];
    const char *fallback = row->fallback;
    char digits[32];

    *about = (struct request_option){.help = row->help};
    request_options_name(about->name, row->flag);
    if (!fallback)
        fallback = options_value(digits, options->defaults, row);
    snprintf(about->fallback, sizeof about->fallback, "%s", fallback);
    if (row->type == OPTION_CHOICE)
        list_words(about->accepts, sizeof about->accepts, row->accepts);
    else if (row->type == OPTION_NUMBER)
        snprintf(about->accepts, sizeof about->accepts, "%ju to %ju",
                 (uintmax_t)row->min, (uintmax_t)row->max);
    else
        snprintf(about->accepts, sizeof about->accepts, "%s",
                 row->type == OPTION_SHARE ? "0 to 1" : row->accepts);
}

void request_options_name(char name[32], const char *flag)
{
    size_t i;

    for (i = 0; flag[i] && i < 31; i++)
        name[i] = flag[i] == '-' ? '_' : flag[i];
    name[i] = '\0';
}

static bool fail_unknown(const struct request_options *options,
                         const char *name, struct error *err)
{
    char known[256] = "", own[32];
    size_t len = 0;

    for (size_t i = 0; i < options->count && len < sizeof known; i++) {
        request_options_name(own, options->rows[i].flag);
        len += (size_t)snprintf(known + len, sizeof known - len, "%s%s",
                                i ? ", " : "", own);
    }
    return fail(err, ERROR_INPUT,
                "unknown option \"%.60s\"; the options are %s", name, known);
}

static bool fail_value(const struct request_options *options, size_t i,
                       const char *value, const struct error *why,
                       struct error *err)
{
    const struct option *row = &options->rows[i];
    struct request_option about;

    request_options_describe(&about, options, i);
    if (row->take && why->kind != ERROR_NONE)
        return fail(err, ERROR_INPUT, "option \"%s\": %s", about.name,
                    why->text);
    return fail(err, ERROR_INPUT,
                "option \"%s\": \"%.60s\" is not accepted; it takes %s",
                about.name, value, about.accepts);
}

static bool parse_one(const struct request_options *options, void *data,
                      bool *seen, const char *name, const char *value,
                      struct error *err)
{
    struct error why = {0};
    char own[32];

    for (size_t i = 0; i < options->count; i++) {
        const struct option *row = &options->rows[i];

        request_options_name(own, row->flag);
        if (strcmp(own, name) != 0)
            continue;
        if (seen[i] && row->type != OPTION_LIST)
            return fail(err, ERROR_INPUT, "option \"%s\" is given twice", name);
        seen[i] = true;
        return options_set(data, row, value, &why) ||
               fail_value(options, i, value, &why, err);
    }
    return fail_unknown(options, name, err);
}

bool request_options_parse(const struct request_options *options, void *data,
                           bool *seen, const struct params *params,
                           struct error *err)
{
    const char *name, *value;

    for (size_t pos = 0; params_next(params, &pos, &name, &value);)
        if (!parse_one(options, data, seen, name, value, err))
            return false;
    return true;
}

bool request_options_given(const struct request_options *options,
                           const bool *seen, const char *flag)
{
    for (size_t i = 0; i < options->count; i++)
        if (strcmp(options->rows[i].flag, flag) == 0)
            return seen[i];
    return false;
}

bool request_options_take_model(void *data, const struct option *option,
                                const char *value, struct error *err)
{
    (void)data;
    (void)option;
    (void)value;
    (void)err;
    return true;
}

bool request_options_take_layer(void *data, const struct option *option,
                                const char *value, struct error *err)
{
    const struct request_reading *reading = data;
    size_t index = 0;

    if (!reading->engine)
        return true;
    if (!engine_find_layer(reading->engine, &index, value, err))
        return false;
    memcpy((char *)data + option->offset, &index, sizeof index);
    return true;
}

bool request_options_read_index(size_t *index, const char **text)
{
    const char *start = *text;

    for (*index = 0; **text >= '0' && **text <= '9'; ++*text)
        if (*index < UINT32_MAX)
            *index = *index * 10 + (size_t)(**text - '0');
    return *text > start;
}
