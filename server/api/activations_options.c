#include "server/api/activations_options.h"

/* What the rows write into. */
struct reading {
    struct request_reading base;
    struct engine_activations_request request;
};

static const struct reading defaults = {.request =
                                            ENGINE_ACTIVATIONS_REQUEST_DEFAULT};

static bool add_channel(struct activations_choice *choice, size_t index,
                        struct error *err)
{
    for (size_t i = 0; i < choice->num_channels; i++)
        if (choice->channels[i] == index)
            return fail(err, ERROR_INPUT, "channel %zu is listed twice", index);
    if (choice->num_channels == ACTIVATIONS_MAX)
        return fail(err, ERROR_INPUT, "at most %d channels can be listed",
                    ACTIVATIONS_MAX);
    choice->channels[choice->num_channels++] = index;
    return true;
}

static bool take_channels(void *data, const struct option *option,
                          const char *value, struct error *err)
{
    struct reading *reading = data;
    const char *at = value;
    size_t index;

    (void)option;
    for (;; at++) {
        if (!request_options_read_index(&index, &at) || (*at && *at != ','))
            return fail(err, ERROR_INPUT,
                        "\"%.60s\" is not accepted; it takes indices of "
                        "channels with commas between them, such as 3,17,40",
                        value);
        if (!add_channel(&reading->request.choice, index, err))
            return false;
        if (!*at)
            return true;
    }
}

#define FIELD(field) OPTION_FIELD(struct reading, request.field)

static const struct option rows[] = {
    REQUEST_OPTIONS_MODEL,
    REQUEST_OPTIONS_LAYER(
        "the layer whose channels are shown (GET /model/layers)",
        "the last one before pooling or flattening", FIELD(layer)),
    {OPTION_TEXT, "channels", "LIST", "the channels that are shown",
     "indices with commas between them, at most 256", "the most active ones",
     .take = take_channels},
    {OPTION_NUMBER, "top", "N",
     "how many channels are shown, at most: those of the largest mean, largest "
     "first",
     .min = 1, .max = ACTIVATIONS_MAX, FIELD(choice.top)},
    {OPTION_CHOICE, "values", "KIND",
     "the maps' numbers in the answer: none, rows of numbers, or little-endian "
     "floats in base64",
     OPTION_WORDS(EXPLAIN_VALUES), .bare = "1", FIELD(values)},
    {OPTION_CHOICE, "scale", "KIND",
     "what is drawn in full: of each map its own largest value, or the largest "
     "of all that are shown",
     OPTION_WORDS(ACTIVATIONS_SCALES), FIELD(style.scale)},
    {OPTION_CHOICE, "over", "KIND", "what the maps are drawn over",
     OPTION_WORDS(ACTIVATIONS_GROUNDS), FIELD(style.ground)},
    {OPTION_CHOICE, "colormap", "NAME",
     "the colours of the maps; auto is signed where a value is negative",
     OPTION_WORDS(HEATMAP_COLORMAPS), FIELD(style.colormap)},
    {OPTION_SHARE, "alpha", "A", "how strongly the colours cover the photo",
     FIELD(style.alpha)},
    {OPTION_NUMBER, "size", "N", "longest side of each map in pixels",
     .min = ACTIVATIONS_MIN_SIZE, .max = ACTIVATIONS_MAX_SIZE,
     FIELD(style.size)},
};

enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

const struct request_options *activations_options_table(void)
{
    static const struct request_options table = {
        .rows = rows, .count = NUM_ROWS, .defaults = &defaults};

    return &table;
}

/* A list of channels leaves nothing to choose. */
static bool check_choice(const struct activations_choice *choice,
                         const bool *seen, struct error *err)
{
    if (choice->num_channels > 0 &&
        request_options_given(activations_options_table(), seen, "top"))
        return fail(err, ERROR_INPUT,
                    "option \"top\": the channels are listed already "
                    "(option \"channels\")");
    return true;
}

bool activations_options_parse(struct engine_activations_request *request,
                               const struct params *params,
                               const struct engine *engine, bool has_sheet,
                               bool is_whole, struct error *err)
{
    struct reading reading = defaults;
    bool seen[NUM_ROWS] = {false};

    reading.base.engine = engine;
    if (!request_options_parse(activations_options_table(), &reading, seen,
                               params, err))
        return false;
    *request = reading.request;
    request->has_sheet = has_sheet;
    return !is_whole ||
           (check_choice(&request->choice, seen, err) &&
            (!engine || engine_activations_check(engine, request, err)));
}
