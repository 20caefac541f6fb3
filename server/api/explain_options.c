#include "server/api/explain_options.h"

#include <string.h>

#include "server/work/allowed.h"

/* What the rows write into. */
struct reading {
    struct request_reading base;
    struct explain_request request;
};

static const struct reading defaults = {.request = EXPLAIN_REQUEST_DEFAULT};

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
    struct reading *reading = data;
    const size_t most = reading->base.engine
                            ? num_classes_of(reading->base.engine)
                            : UINT32_MAX;
    size_t top = 0;

    (void)option;
    (void)err;
    for (; *value >= '0' && *value <= '9'; value++) {
        top = top * 10 + (size_t)(*value - '0');
        top = top < most ? top : most;
    }
    reading->request.top = top;
    return !*value && top > 0;
}

static bool take_class(void *data, const struct option *option,
                       const char *value, struct error *err)
{
    struct reading *reading = data;
    struct explain_request *request = &reading->request;
    size_t index = EXPLAIN_TOP;

    (void)option;
    (void)err;
    if (!reading->base.engine)
        return true;
    if (strcmp(value, "top") != 0 &&
        !engine_find_class(reading->base.engine, &index, value))
        return false;
    for (size_t i = 0; i < request->num_classes; i++)
        if (request->classes[i] == index)
            return true;
    if (request->num_classes == EXPLAIN_MAX_CLASSES)
        return false;
    request->classes[request->num_classes++] = index;
    return true;
}

static bool take_method(void *data, const struct option *option,
                        const char *value, struct error *err)
{
    struct reading *reading = data;

    (void)option;
    (void)err;
    reading->request.method = explain_method_named(value);
    return reading->request.method != NULL;
}

static bool take_against(void *data, const struct option *option,
                         const char *value, struct error *err)
{
    struct reading *reading = data;

    (void)option;
    (void)err;
    return !reading->base.engine ||
           engine_find_class(reading->base.engine, &reading->request.against,
                             value);
}

#define FIELD(field) OPTION_FIELD(struct reading, request.field)
#define RULE_WORD(rule, name, kind) "|" #name

static const struct option rows[] = {
    REQUEST_OPTIONS_MODEL,
    {OPTION_TEXT, "top", "N", "how many classes to list, at most",
     "1 or more (all, where there are fewer)", "5", .take = take_top},
    {OPTION_LIST, "class", "CLASS",
     "the class to explain; \"top\" stands for all that are listed",
     "an index, an id or a label of the model, or \"top\"; repeatable, at "
     "most 16 classes",
     "the best one", .take = take_class},
    {OPTION_CHOICE, "method", "NAME", "how the map is made (GET /methods)",
     OPTION_WORDS(EXPLAIN_METHODS), "cam, or gradcam where cam is not defined",
     .take = take_method},
    REQUEST_OPTIONS_LAYER(
        "the layer whose feature map is explained (GET /model/layers)",
        "the last one before pooling or flattening", FIELD(layer)),
    {OPTION_CHOICE, "target", "NAME", "what is explained of a class",
     OPTION_WORDS(TARGET_KINDS), FIELD(target)},
    {OPTION_TEXT, "against", "CLASS",
     "the class to compare with: why this one and not that one (margin)",
     "an index, an id or a label of the model", "", .take = take_against},
#define X(parameter, field, kind, flag, standard, least, most, help)     \
    {OPTION_##kind,          flag, "N", help, .min = least, .max = most, \
     FIELD(parameters.field)},
    EXPLAIN_PARAMETERS(X)
#undef X
        {OPTION_CHOICE, "heatmap", "KIND",
         "the picture in the answer: over the photo, the same with boxes, the "
         "signed colours of a gradient, the map alone, where it reaches half "
         "of "
         "its largest value, or no picture",
         OPTION_WORDS(RENDER_KINDS), FIELD(style.kind)},
    {OPTION_CHOICE, "colormap", "NAME", "the colours of the heatmap",
     OPTION_WORDS(HEATMAP_COLORMAPS), FIELD(style.colormap)},
    {OPTION_SHARE, "alpha", "A", "how strongly the colours cover the photo",
     FIELD(style.alpha)},
    {OPTION_NUMBER, "heatmap-size", "N",
     "longest side of the heatmap in pixels", .fallback = "the photo's own",
     .min = 1, .max = EXPLAIN_OPTIONS_MAX_SIDE, FIELD(style.max_side)},
    {OPTION_CHOICE, "values", "KIND",
     "the map's numbers in the answer: none, rows of numbers, or "
     "little-endian floats in base64",
     OPTION_WORDS(EXPLAIN_VALUES), .bare = "1", FIELD(values)},
    {OPTION_CHOICE, "map", "KIND",
     "the map in the answer: the method's own, or that refined to the object",
     OPTION_WORDS(EXPLAIN_MAP_KINDS), FIELD(map)},
    {OPTION_CHOICE, "box", "RULE",
     "the rule that finds the box (docs/boxes.md); calibrated needs a model "
     "with a calibration",
     &(BOX_RULES(RULE_WORD))[1], FIELD(box.rule)},
    {OPTION_CHOICE, "quality", "NAME",
     "how closely the object is looked at (box object): in the pass that "
     "classifies, or in a second one as well",
     OPTION_WORDS(BOX_QUALITIES), FIELD(box.quality)},
    {OPTION_SHARE, "threshold", "T",
     "the share of the map's maximum at which the box is cut (paper)",
     FIELD(box.threshold)},
    {OPTION_SHARE, "percentile", "P",
     "the share of the picture that is not above the cut (percentile)",
     FIELD(box.percentile)},
    {OPTION_NUMBER, "boxes", "N",
     "how many boxes to list for a class, at most, by their evidence; more "
     "than 1 adds the member boxes",
     .min = 1, .max = BOX_MAX, FIELD(box.most)},
    {OPTION_NUMBER, "channels", "N",
     "how many channels of the last feature map to list that speak for a class "
     "the most, and how many against it; more than 0 adds the member channels",
     .min = 0, .max = CHANNELS_MAX, FIELD(channels)},
};

enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

/* ---- the table ---- */

const struct request_options *explain_options_table(void)
{
    static const struct request_options table = {
        .rows = rows, .count = NUM_ROWS, .defaults = &defaults};

    return &table;
}

/* ---- what options say together ---- */

static bool is_given(const bool *seen, const char *flag)
{
    return request_options_given(explain_options_table(), seen, flag);
}

/* "against" alone asks for the margin. */
static bool check_target(struct explain_request *request, const bool *seen,
                         struct error *err)
{
    bool against = is_given(seen, "against");

    if (against && !is_given(seen, "target"))
        request->target = TARGET_MARGIN;
    if (against == (request->target == TARGET_MARGIN))
        return true;
    return fail(err, ERROR_INPUT,
                against ? "option \"against\": only the target margin has it"
                        : "option \"target\": margin needs the option "
                          "\"against\", the class to compare with");
}

/* Names the methods that have one of the parameters; of none, those that have
 * colours. */
static bool fail_methods(unsigned parameters, const char *what,
                         struct error *err)
{
    const struct explain_method *method;
    struct allowed having = {0};
    char text[ALLOWED_TEXT_SIZE];

    for (size_t i = 0; (method = explain_method(i)); i++)
        if (parameters ? method->parameters & parameters : method->has_colours)
            having.set |= UINT64_C(1) << i;
    allowed_list(text, &having);
    return fail(err, ERROR_INPUT, "option %s for the method%s %s", what,
                strchr(text, ',') ? "s" : "", text);
}

/* The colours of a method that has none are refused. */
static bool check_heatmap(const struct explain_request *request,
                          struct error *err)
{
    return request->style.kind != RENDER_COLOURS ||
           (request->method && request->method->has_colours) ||
           fail_methods(0, "\"heatmap\": colours is", err);
}

/* The parameters of other methods are refused. */
static bool check_parameters(const struct explain_request *request,
                             const bool *seen, struct error *err)
{
    static const char *const flags[] = {
#define X(parameter, field, kind, flag, ...) [parameter] = flag,
        EXPLAIN_PARAMETERS(X)
#undef X
    };
    unsigned has = request->method ? request->method->parameters : 0;
    char own[32], what[40];

    for (unsigned i = 0; i < EXPLAIN_NUM_PARAMETERS; i++) {
        if (has & EXPLAIN_HAS(i) || !is_given(seen, flags[i]))
            continue;
        request_options_name(own, flags[i]);
        snprintf(what, sizeof what, "\"%s\" is", own);
        return fail_methods(EXPLAIN_HAS(i), what, err);
    }
    return true;
}

/* A rule's own option alone asks for that rule; with another rule it is
 * refused. So is a calibration that the model lacks. */
static bool check_box(struct explain_request *request,
                      const struct engine *engine, const bool *seen,
                      struct error *err)
{
    static const struct {
        const char *flag;
        enum box_rule rule;
    } owned[] = {{"threshold", BOX_PAPER},
                 {"percentile", BOX_PERCENTILE},
                 {"quality", BOX_OBJECT}};
    bool is_chosen = is_given(seen, "box");
    struct engine_info info = {0};

    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) {
        if (!is_given(seen, owned[i].flag))
            continue;
        if (!is_chosen)
            request->box.rule = owned[i].rule;
        is_chosen = true;
        if (request->box.rule != owned[i].rule)
            return fail(err, ERROR_INPUT,
                        "option \"%s\" is for the box rule %s", owned[i].flag,
                        box_rule_name(owned[i].rule));
    }
    if (request->box.rule != BOX_CALIBRATED || !engine)
        return true;
    engine_info(engine, &info);
    return info.box || fail(err, ERROR_INPUT,
                            "option \"box\": the model has no calibration "
                            "(`wherefore calibrate` finds one)");
}

static bool check_classes(const struct explain_request *request,
                          struct error *err)
{
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

bool explain_options_parse(struct explain_request *request,
                           const struct params *params,
                           const struct engine *engine, bool is_whole,
                           struct error *err)
{
    struct reading reading = defaults;
    size_t num_classes = engine ? num_classes_of(engine) : defaults.request.top;
    bool seen[NUM_ROWS] = {false};

    reading.base.engine = engine;
    if (reading.request.top > num_classes)
        reading.request.top = num_classes;
    if (!request_options_parse(explain_options_table(), &reading, seen, params,
                               err))
        return false;
    *request = reading.request;
    return !is_whole ||
           (check_classes(request, err) && check_target(request, seen, err) &&
            check_parameters(request, seen, err) &&
            check_heatmap(request, err) &&
            check_box(request, engine, seen, err));
}
