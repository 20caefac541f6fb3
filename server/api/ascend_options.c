#include "server/api/ascend_options.h"

/* What the rows write into. */
struct reading {
    struct request_reading base;
    struct engine_ascend_request request;
    uint32_t channel;
};

static const struct reading defaults = {.request =
                                            ENGINE_ASCEND_REQUEST_DEFAULT};

static bool take_class(void *data, const struct option *option,
                       const char *value, struct error *err)
{
    struct reading *reading = data;

    (void)option;
    return !reading->base.engine ||
           engine_find_class(reading->base.engine,
                             &reading->request.target.class_index, value) ||
           fail(err, ERROR_INPUT,
                "\"%.60s\" is not a class of this model; it takes an index, an "
                "id or a label",
                value);
}

static bool take_cell(void *data, const struct option *option,
                      const char *value, struct error *err)
{
    struct ascend_target *target = &((struct reading *)data)->request.target;
    const char *at = value;

    (void)option;
    target->has_cell = true;
    return (request_options_read_index(&target->cell_x, &at) && *at++ == ',' &&
            request_options_read_index(&target->cell_y, &at) && *at == '\0') ||
           fail(err, ERROR_INPUT,
                "\"%.60s\" is not accepted; it takes a column and a row, such "
                "as 3,5",
                value);
}

#define FIELD(field) OPTION_FIELD(struct reading, request.field)

static const struct option rows[] = {
    REQUEST_OPTIONS_MODEL,
    {OPTION_TEXT, "class", "CLASS", "the class that is to be excited",
     "an index, an id or a label", "", .take = take_class},
    REQUEST_OPTIONS_LAYER("instead of a class, the layer that a channel is of "
                          "(GET /model/layers)",
                          "", FIELD(target.layer)),
    {OPTION_NUMBER, "channel", "N",
     "the channel of the layer, whose mean is to be excited", .fallback = "",
     .max = UINT32_MAX, OPTION_FIELD(struct reading, channel)},
    {OPTION_TEXT, "cell", "X,Y", "one cell of the channel, instead of its mean",
     "a column and a row, such as 3,5, both from 0", "the mean of all cells",
     .take = take_cell},
    {OPTION_CHOICE, "method", "METHOD",
     "what is changed: Fourier coefficients, only their phases (MaCo), or "
     "pixels",
     OPTION_WORDS(PAINTING_METHODS), FIELD(method)},
    {OPTION_NUMBER, "steps", "N",
     "steps of the ascent, a pass of the network "
     "there and back each",
     .min = 1, .max = ASCEND_MAX_STEPS, FIELD(steps)},
    {OPTION_NUMBER, "size", "N", "longer side of the picture in pixels",
     .fallback = "that of the network's input", .min = ASCEND_MIN_SIZE,
     .max = ASCEND_MAX_SIZE, FIELD(size)},
    {OPTION_NUMBER, "seed", "N",
     "of the noise that it begins with, and of the "
     "views; the same seed makes the same picture",
     .max = UINT32_MAX, FIELD(seed)},
    {OPTION_SHARE, "scale", "S",
     "how far random scaling goes: at each step the network sees 1 - S to 1 + "
     "S of the picture's sides",
     FIELD(scale)},
    {OPTION_NUMBER, "shift", "N",
     "how far the picture is shifted at random, in pixels of the input each "
     "way",
     .max = ENGINE_ASCEND_MAX_SHIFT, FIELD(shift)},
    {OPTION_NUMBER, "turn", "N",
     "how far it is turned at random, in degrees each way",
     .max = ENGINE_ASCEND_MAX_TURN, FIELD(turn)},
    {OPTION_SHARE, "rate", "R", "size of a step (Adam's rate)",
     .fallback = "suits the method", FIELD(rate)},
    {OPTION_SHARE, "near", "D",
     "how far a photo may be changed: the root of the mean square, of samples "
     "from 0 to 1, where the pull back is as strong as the push",
     FIELD(near)},
    {OPTION_NUMBER, "every", "N",
     "steps between two pictures on the way (application/x-ndjson)", .min = 1,
     .max = ASCEND_MAX_STEPS, FIELD(every)},
};

enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

const struct request_options *ascend_options_table(void)
{
    static const struct request_options table = {
        .rows = rows, .count = NUM_ROWS, .defaults = &defaults};

    return &table;
}

static bool given(const bool *seen, const char *flag)
{
    return request_options_given(ascend_options_table(), seen, flag);
}

/* What an option needs beside it, or does not bear. */
static bool check_target(const bool *seen, struct error *err)
{
    bool has_layer = given(seen, "layer");

    if (given(seen, "class") && has_layer)
        return fail(err, ERROR_INPUT,
                    "option \"layer\": a class is excited already (option "
                    "\"class\")");
    if (!has_layer && given(seen, "channel"))
        return fail(err, ERROR_INPUT,
                    "option \"channel\": of which layer (option \"layer\")?");
    if (!has_layer && given(seen, "cell"))
        return fail(err, ERROR_INPUT,
                    "option \"cell\": of which layer and channel (options "
                    "\"layer\" and \"channel\")?");
    if (has_layer && !given(seen, "channel"))
        return fail(err, ERROR_INPUT,
                    "option \"layer\": which of its channels (option "
                    "\"channel\")?");
    return has_layer || given(seen, "class") ||
           fail(err, ERROR_INPUT,
                "nothing is to be excited: it takes the option \"class\", or "
                "\"layer\" and \"channel\"");
}

bool ascend_options_parse(struct engine_ascend_request *request,
                          const struct params *params,
                          const struct engine *engine, bool is_whole,
                          struct error *err)
{
    struct reading reading = defaults;
    bool seen[NUM_ROWS] = {false};

    reading.base.engine = engine;
    if (!request_options_parse(ascend_options_table(), &reading, seen, params,
                               err))
        return false;
    *request = reading.request;
    request->target.channel = reading.channel;
    request->target.is_class = !given(seen, "layer");
    return !is_whole ||
           (check_target(seen, err) &&
            (!engine || engine_ascend_check(engine, request, err)));
}

bool ascend_options_check_photo(const struct params *params, bool has_photo,
                                struct error *err)
{
    return has_photo || !params_find(params, "near") ||
           fail(err, ERROR_INPUT,
                "option \"near\": there is no photo to stay near to");
}
