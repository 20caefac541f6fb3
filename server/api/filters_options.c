#include "server/api/filters_options.h"

#include <string.h>

static const struct engine_filters_request defaults =
    ENGINE_FILTERS_REQUEST_DEFAULT;

/* What the rows write into: the request first, for their fields. */
struct reading {
    struct engine_filters_request request;
    const struct engine *engine;
};

static bool take_layer(void *data, const struct option *option,
                       const char *value, struct error *err)
{
    struct reading *reading = data;

    (void)option;
    return engine_find_layer(reading->engine, &reading->request.layer, value,
                             err);
}

static bool take_folded(void *data, const struct option *option,
                        const char *value, struct error *err)
{
    struct reading *reading = data;

    (void)option;
    (void)err;
    reading->request.is_folded = strcmp(value, "1") == 0;
    return reading->request.is_folded || strcmp(value, "0") == 0;
}

#define FIELD(field) OPTION_FIELD(struct engine_filters_request, field)

static const struct option rows[] = {
    REQUEST_OPTIONS_MODEL,
    {OPTION_TEXT, "layer", "LAYER",
     "the layer whose convolution is shown (GET /model/layers)",
     "a layer's name, a unique end of one, or -1, -2 and so on for the last",
     "the first convolution's", .take = take_layer},
    {OPTION_CHOICE, "folded", "0|1",
     "whether the normalization behind the convolution is folded into its "
     "weights, as they are computed with; or they are those of the file",
     "0|1", "1", .take = take_folded},
    {OPTION_NUMBER, "top", "N", "how many filters are drawn, at most", .min = 1,
     .max = FILTERS_MAX_SHOWN, FIELD(style.top)},
    {OPTION_NUMBER, "inputs", "N",
     "how many input channels of each filter are drawn, at most", .min = 1,
     .max = FILTERS_MAX_INPUTS, FIELD(style.inputs)},
    {OPTION_CHOICE, "scale", "KIND",
     "what is drawn in full: of each filter its own largest weight, or the "
     "largest of all that are shown",
     OPTION_WORDS(FILTERS_SCALES), FIELD(style.scale)},
    {OPTION_CHOICE, "colormap", "NAME",
     "the colours of the weights, 0 in their middle; auto is the colour itself "
     "for three input channels, and signed for others",
     OPTION_WORDS(HEATMAP_COLORMAPS), FIELD(style.colormap)},
    {OPTION_NUMBER, "size", "N", "longest side of each kernel in pixels",
     .min = FILTERS_MIN_SIZE, .max = FILTERS_MAX_SIZE, FIELD(style.size)},
};

enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

static bool says_why(const struct option *row)
{
    return row->take == take_layer;
}

const struct request_options *filters_options_table(void)
{
    static const struct request_options table = {.rows = rows,
                                                 .count = NUM_ROWS,
                                                 .defaults = &defaults,
                                                 .says_why = says_why};

    return &table;
}

bool filters_options_parse(struct engine_filters_request *request,
                           const struct params *params,
                           const struct engine *engine, bool has_sheet,
                           struct error *err)
{
    struct reading reading = {.request = defaults, .engine = engine};
    bool seen[NUM_ROWS] = {false};

    if (!request_options_parse(filters_options_table(), &reading, seen, params,
                               err))
        return false;
    *request = reading.request;
    request->has_sheet = has_sheet;
    return true;
}
