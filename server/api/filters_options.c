#include "server/api/filters_options.h"

#include <string.h>

/* What the rows write into. */
struct reading {
    struct request_reading base;
    struct engine_filters_request request;
};

static const struct reading defaults = {.request =
                                            ENGINE_FILTERS_REQUEST_DEFAULT};

static bool take_folded(void *data, const struct option *option,
                        const char *value, struct error *err)
{
    struct reading *reading = data;

    (void)option;
    (void)err;
    reading->request.is_folded = strcmp(value, "1") == 0;
    return reading->request.is_folded || strcmp(value, "0") == 0;
}

#define FIELD(field) OPTION_FIELD(struct reading, request.field)

static const struct option rows[] = {
    REQUEST_OPTIONS_MODEL,
    REQUEST_OPTIONS_LAYER(
        "the layer whose convolution is shown (GET /model/layers)",
        "the first convolution's", FIELD(layer)),
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

const struct request_options *filters_options_table(void)
{
    static const struct request_options table = {
        .rows = rows, .count = NUM_ROWS, .defaults = &defaults};

    return &table;
}

bool filters_options_parse(struct engine_filters_request *request,
                           const struct params *params,
                           const struct engine *engine, bool has_sheet,
                           struct error *err)
{
    struct reading reading = defaults;
    bool seen[NUM_ROWS] = {false};

    reading.base.engine = engine;
    if (!request_options_parse(filters_options_table(), &reading, seen, params,
                               err))
        return false;
    *request = reading.request;
    request->has_sheet = has_sheet;
    return true;
}
