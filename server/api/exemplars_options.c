#include "server/api/exemplars_options.h"

/* No layer has so many. */
enum { MAX_CHANNEL = 999999 };

/* What the rows write into. */
struct reading {
    struct request_reading base;
    struct exemplars_request request;
};

static const struct reading defaults = {.base = {0}};

static const struct option rows[] = {
    REQUEST_OPTIONS_MODEL,
    REQUEST_OPTIONS_LAYER("the layer that the channel is of", "",
                          OPTION_FIELD(struct reading, request.layer)),
    {OPTION_NUMBER, "channel", "N", "the channel whose exemplars are shown",
     .fallback = "", .max = MAX_CHANNEL,
     OPTION_FIELD(struct reading, request.channel)},
};

enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

const struct request_options *exemplars_options_table(void)
{
    static const struct request_options table = {
        .rows = rows, .count = NUM_ROWS, .defaults = &defaults};

    return &table;
}

/* A layer and a channel belong together. */
static bool check(const struct exemplars_request *request, const bool *seen,
                  const struct engine *engine, struct error *err)
{
    const struct request_options *table = exemplars_options_table();
    bool has_layer = request_options_given(table, seen, "layer");
    const struct layer *layer;

    if (has_layer != request_options_given(table, seen, "channel"))
        return fail(
            err, ERROR_INPUT, "option \"%s\": it is needed beside \"%s\"",
            has_layer ? "channel" : "layer", has_layer ? "layer" : "channel");
    if (!has_layer)
        return true;
    layer = &engine_layers(engine)->list[request->layer];
    return request->channel < layer->channels ||
           fail(err, ERROR_INPUT,
                "option \"channel\": there is no channel %ju; the layer %.100s "
                "has the channels 0 to %zu",
                (uintmax_t)request->channel, layer->name, layer->channels - 1);
}

bool exemplars_options_parse(struct exemplars_request *request,
                             const struct params *params,
                             const struct engine *engine, struct error *err)
{
    struct reading reading = defaults;
    bool seen[NUM_ROWS] = {false};

    reading.base.engine = engine;
    if (!request_options_parse(exemplars_options_table(), &reading, seen,
                               params, err) ||
        !check(&reading.request, seen, engine, err))
        return false;
    *request = reading.request;
    request->is_one =
        request_options_given(exemplars_options_table(), seen, "layer");
    return true;
}
