#include "server/api/explain_options.h"

#include <stdio.h>
#include <string.h>

static const struct explain_request defaults = EXPLAIN_REQUEST_DEFAULT;

/* What the rows write into: the request first, for their fields. */
struct target {
    struct explain_request request;
    const struct engine *engine; /* NULL: not known yet */
};

static size_t num_classes_of(const struct engine *engine)
{
    struct engine_info info;

    engine_info(engine, &info);
    return info.num_classes;
}

/* At most so many: a larger number, however long, is all there are. */
static bool take_top(void *data, const struct option *option, const char *value,
                     struct error *err)
{
    struct target *target = data;
    const size_t most =
        target->engine ? num_classes_of(target->engine) : UINT32_MAX;
    size_t top = 0;

    (void)option;
    (void)err;
    for (; *value >= '0' && *value <= '9'; value++) {
        top = top * 10 + (size_t)(*value - '0');
        top = top < most ? top : most;
    }
    target->request.top = top;
    return !*value && top > 0;
}

static bool take_class(void *data, const struct option *option,
                       const char *value, struct error *err)
{
    struct target *target = data;
    struct explain_request *request = &target->request;
    size_t index = EXPLAIN_TOP;

    (void)option;
    (void)err;
    if (!target->engine)
        return true;
    if (strcmp(value, "top") != 0 &&
        !engine_find_class(target->engine, &index, value))
        return false;
    for (size_t i = 0; i < request->num_classes; i++)
        if (request->classes[i] == index)
            return true;
    if (request->num_classes == EXPLAIN_MAX_CLASSES)
        return false;
    request->classes[request->num_classes++] = index;
    return true;
}

/* Which models there are is not known here (models.h). */
static bool take_model(void *data, const struct option *option,
                       const char *value, struct error *err)
{
    (void)data;
    (void)option;
    (void)value;
    (void)err;
    return true;
}

#define FIELD(field) OPTION_FIELD(struct explain_request, field)

static const struct option rows[] = {
    {OPTION_TEXT, "model", "NAME", "which model to ask",
     "a name out of GET /models", "the first one", .take = take_model},
    {OPTION_TEXT, "top", "N", "how many classes to list, at most",
     "1 or more (all, where there are fewer)", "5", .take = take_top},
    {OPTION_LIST, "class", "CLASS",
     "the class to explain; \"top\" stands for all that are listed",
     "an index, an id or a label of the model, or \"top\"; repeatable, at "
     "most 16 classes",
     "the best one", .take = take_class},
    {OPTION_CHOICE, "heatmap", "KIND",
     "the picture in the answer: over the photo, alone, or no picture",
     OPTION_WORDS(RENDER_KINDS), FIELD(style.kind)},
    {OPTION_CHOICE, "colormap", "NAME", "the colours of the heatmap",
     OPTION_WORDS(HEATMAP_COLORMAPS), FIELD(style.colormap)},
    {OPTION_SHARE, "alpha", "A", "how strongly the colours cover the photo",
     FIELD(style.alpha)},
    {OPTION_NUMBER, "heatmap-size", "N",
     "longest side of the heatmap in pixels", .fallback = "the photo's own",
     .min = 1, .max = EXPLAIN_OPTIONS_MAX_SIDE, FIELD(style.max_side)},
    {OPTION_SWITCH, "values", NULL,
     "whether the map's numbers are in the answer", FIELD(values)},
    {OPTION_SHARE, "threshold", "T",
     "the share of the map's maximum at which the box is cut",
     FIELD(box.threshold)},
};

enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

const struct option *explain_options_row(size_t i)
{
    return i < NUM_ROWS ? &rows[i] : NULL;
}

/* ---- in words ---- */

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

void explain_options_describe(struct explain_option *about,
                              const struct option *row)
{
    char digits[32];
    const char *fallback = row->fallback;

    *about = (struct explain_option){.help = row->help};
    explain_options_name(about->name, row->flag);
    if (!fallback)
        fallback = row->type == OPTION_SWITCH
                       ? "0"
                       : options_value(digits, &defaults, row);
    snprintf(about->fallback, sizeof about->fallback, "%s", fallback);
    if (row->type == OPTION_CHOICE)
        list_words(about->accepts, sizeof about->accepts, row->accepts);
    else if (row->type == OPTION_NUMBER)
        snprintf(about->accepts, sizeof about->accepts, "%ju to %ju",
                 (uintmax_t)row->min, (uintmax_t)row->max);
    else
        snprintf(about->accepts, sizeof about->accepts, "%s",
                 row->type == OPTION_SHARE    ? "0 to 1"
                 : row->type == OPTION_SWITCH ? "0 or 1"
                                              : row->accepts);
}

void explain_options_name(char name[32], const char *flag)
{
    size_t i;

    for (i = 0; flag[i] && i < 31; i++)
        name[i] = flag[i] == '-' ? '_' : flag[i];
    name[i] = '\0';
}

/* ---- reading ---- */

static bool fail_unknown(const char *name, struct error *err)
{
    char known[160] = "", own[32];
    size_t len = 0;

    for (size_t i = 0; i < NUM_ROWS && len < sizeof known; i++) {
        explain_options_name(own, rows[i].flag);
        len += (size_t)snprintf(known + len, sizeof known - len, "%s%s",
                                i ? ", " : "", own);
    }
    return fail(err, ERROR_INPUT,
                "unknown option \"%.60s\"; the options are %s", name, known);
}

/* A switch is written as 0 or 1 here. */
static bool set(struct target *target, const struct option *row,
                const char *value)
{
    bool on = strcmp(value, "1") == 0;

    if (row->type != OPTION_SWITCH)
        return options_set(target, row, value, NULL);
    memcpy((char *)target + row->offset, &on, sizeof on);
    return on || strcmp(value, "0") == 0;
}

static bool parse_one(struct target *target, bool *seen, const char *name,
                      const char *value, struct error *err)
{
    struct explain_option about;
    char own[32];

    for (size_t i = 0; i < NUM_ROWS; i++) {
        explain_options_name(own, rows[i].flag);
        if (strcmp(own, name) != 0)
            continue;
        if (seen[i] && rows[i].type != OPTION_LIST)
            return fail(err, ERROR_INPUT, "option \"%s\" is given twice", name);
        seen[i] = true;
        if (set(target, &rows[i], value))
            return true;
        explain_options_describe(&about, &rows[i]);
        return fail(err, ERROR_INPUT,
                    "option \"%s\": \"%.60s\" is not accepted; it takes %s",
                    name, value, about.accepts);
    }
    return fail_unknown(name, err);
}

bool explain_options_parse(struct explain_request *request,
                           const struct params *params,
                           const struct engine *engine, struct error *err)
{
    struct target target = {.request = defaults, .engine = engine};
    size_t num_classes = engine ? num_classes_of(engine) : defaults.top;
    bool seen[NUM_ROWS] = {false};
    const char *name, *value;

    if (target.request.top > num_classes)
        target.request.top = num_classes;
    for (size_t pos = 0; params_next(params, &pos, &name, &value);)
        if (!parse_one(&target, seen, name, value, err))
            return false;
    *request = target.request;
    for (size_t i = 0; i < request->num_classes; i++)
        if (request->classes[i] == EXPLAIN_TOP &&
            request->num_classes - 1 + request->top > EXPLAIN_MAX_CLASSES)
            return fail(err, ERROR_INPUT,
                        "option \"class\": %zu classes are asked for, those of "
                        "\"top\" included; at most %d can be",
                        request->num_classes - 1 + request->top,
                        EXPLAIN_MAX_CLASSES);
    return true;
}
