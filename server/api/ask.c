#include "server/api/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/digits.h"

/* Reads one value; returns false where the row does not accept it. */
typedef bool parse_fn(struct ask *ask, const char *value,
                      const struct engine *engine);

static size_t num_classes_of(const struct engine *engine)
{
    struct engine_info info;

    engine_info(engine, &info);
    return info.num_classes;
}

static bool parse_size(size_t *number, const char *text, size_t min, size_t max)
{
    uint64_t value;

    if (!digits_parse(&value, text) || value < min || value > max)
        return false;
    *number = (size_t)value;
    return true;
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

/* At most so many: a larger number, however long, is all there are. */
static bool parse_top(struct ask *ask, const char *value,
                      const struct engine *engine)
{
    const size_t most = engine ? num_classes_of(engine) : UINT32_MAX;
    size_t top = 0;

    for (; *value >= '0' && *value <= '9'; value++) {
        top = top * 10 + (size_t)(*value - '0');
        top = top < most ? top : most;
    }
    if (*value || top == 0)
        return false;
    ask->top = top;
    return true;
}

static bool parse_class(struct ask *ask, const char *value,
                        const struct engine *engine)
{
    size_t index = ASK_TOP;

    if (!engine)
        return true;
    if (strcmp(value, "top") != 0 && !engine_find_class(engine, &index, value))
        return false;
    for (size_t i = 0; i < ask->num_classes; i++)
        if (ask->classes[i] == index)
            return true;
    if (ask->num_classes == ASK_MAX_CLASSES)
        return false;
    ask->classes[ask->num_classes++] = index;
    return true;
}

static bool parse_heatmap(struct ask *ask, const char *value,
                          const struct engine *engine)
{
    static const char *const names[] = {
        [ASK_OVERLAY] = "overlay", [ASK_MAP] = "map", [ASK_NONE] = "none"};

    (void)engine;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(value, names[i]) == 0) {
            ask->heatmap = (enum ask_heatmap)i;
            return true;
        }
    return false;
}

static bool parse_colormap(struct ask *ask, const char *value,
                           const struct engine *engine)
{
    (void)engine;
    return heatmap_colormap_parse(&ask->style.colormap, value, NULL);
}

static bool parse_alpha(struct ask *ask, const char *value,
                        const struct engine *engine)
{
    (void)engine;
    return parse_share(&ask->style.alpha, value);
}

static bool parse_heatmap_size(struct ask *ask, const char *value,
                               const struct engine *engine)
{
    size_t side;

    (void)engine;
    if (!parse_size(&side, value, 1, ASK_MAX_HEATMAP_SIZE))
        return false;
    ask->style.max_side = (uint32_t)side;
    return true;
}

static bool parse_values(struct ask *ask, const char *value,
                         const struct engine *engine)
{
    (void)engine;
    ask->values = strcmp(value, "1") == 0;
    return ask->values || strcmp(value, "0") == 0;
}

static bool parse_threshold(struct ask *ask, const char *value,
                            const struct engine *engine)
{
    (void)engine;
    return parse_share(&ask->threshold, value);
}

/* Which models there are is not known here (models.h). */
static bool parse_model(struct ask *ask, const char *value,
                        const struct engine *engine)
{
    (void)ask;
    (void)value;
    (void)engine;
    return true;
}

struct row {
    struct ask_option about;
    parse_fn *parse;
    bool repeatable;
};

static const struct row rows[] = {
    {{"model", "the first one", "a name out of GET /models",
      "which model to ask"},
     parse_model,
     false},
    {{"top", "5", "1 or more (all, where there are fewer)",
      "how many classes to list, at most"},
     parse_top,
     false},
    {{"class", "the best one",
      "an index, an id or a label of the model, or \"top\"; repeatable, at "
      "most 16 classes",
      "the class to explain; \"top\" stands for all that are listed"},
     parse_class,
     true},
    {{"heatmap", "overlay", "overlay, map or none",
      "the picture in the answer: over the photo, alone, or no picture"},
     parse_heatmap,
     false},
    {{"colormap", "jet", "jet, turbo, viridis, inferno or gray",
      "the colours of the heatmap"},
     parse_colormap,
     false},
    {{"alpha", "0.5", "0 to 1", "how strongly the colours cover the photo"},
     parse_alpha,
     false},
    {{"heatmap_size", "the photo's own", "1 to 4096",
      "longest side of the heatmap in pixels"},
     parse_heatmap_size,
     false},
    {{"values", "0", "0 or 1", "whether the map's numbers are in the answer"},
     parse_values,
     false},
    {{"threshold", "0.2", "0 to 1",
      "the share of the map's maximum at which the box is cut"},
     parse_threshold,
     false},
};

enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

static bool fail_unknown(const char *name, struct error *err)
{
    char known[160] = "";
    size_t len = 0;

    for (size_t i = 0; i < NUM_ROWS && len < sizeof known; i++)
        len += (size_t)snprintf(known + len, sizeof known - len, "%s%s",
                                i ? ", " : "", rows[i].about.name);
    return fail(err, ERROR_INPUT,
                "unknown option \"%.60s\"; the options are %s", name, known);
}

static bool parse_one(struct ask *ask, bool *seen, const char *name,
                      const char *value, const struct engine *engine,
                      struct error *err)
{
    for (size_t i = 0; i < NUM_ROWS; i++) {
        const struct row *row = &rows[i];

        if (strcmp(row->about.name, name) != 0)
            continue;
        if (seen[i] && !row->repeatable)
            return fail(err, ERROR_INPUT, "option \"%s\" is given twice", name);
        seen[i] = true;
        if (!row->parse(ask, value, engine))
            return fail(err, ERROR_INPUT,
                        "option \"%s\": \"%.60s\" is not accepted; it takes %s",
                        name, value, row->about.accepts);
        return true;
    }
    return fail_unknown(name, err);
}

bool ask_parse(struct ask *ask, const struct params *params,
               const struct engine *engine, struct error *err)
{
    size_t num_classes = engine ? num_classes_of(engine) : 5;
    bool seen[NUM_ROWS] = {false};
    const char *name, *value;

    *ask = (struct ask){.top = num_classes < 5 ? num_classes : 5,
                        .style = {.colormap = HEATMAP_JET, .alpha = 0.5f},
                        .threshold = BOX_PAPER_THRESHOLD};
    for (size_t pos = 0; params_next(params, &pos, &name, &value);)
        if (!parse_one(ask, seen, name, value, engine, err))
            return false;
    for (size_t i = 0; i < ask->num_classes; i++)
        if (ask->classes[i] == ASK_TOP &&
            ask->num_classes - 1 + ask->top > ASK_MAX_CLASSES)
            return fail(err, ERROR_INPUT,
                        "option \"class\": %zu classes are asked for, those of "
                        "\"top\" included; at most %d can be",
                        ask->num_classes - 1 + ask->top, ASK_MAX_CLASSES);
    ask->style.overlay = ask->heatmap == ASK_OVERLAY;
    return true;
}

bool ask_option(struct ask_option *option, size_t i)
{
    if (i >= NUM_ROWS)
        return false;
    *option = rows[i].about;
    return true;
}
