#include "engine/engine_activations.h"

#include "engine/base/clock.h"
#include "engine/engine_session.h"

static size_t layer_of(const struct engine *engine,
                       const struct engine_activations_request *request)
{
    return request->layer == EXPLAIN_LAYER_DEFAULT
               ? engine->network.layers.chosen
               : request->layer;
}

/* ---- what is asked ---- */

/* Returns the number of channels that are shown. */
static size_t count_shown(const struct activations_choice *choice,
                          const struct layer *layer)
{
    if (choice->num_channels > 0)
        return choice->num_channels;
    return choice->top < layer->channels ? choice->top : layer->channels;
}

static bool check_amount(const struct engine_activations_request *request,
                         const struct layer *layer, struct error *err)
{
    const uint64_t count = count_shown(&request->choice, layer);
    const uint64_t size = request->style.size;
    const uint64_t values = count * layer->height * layer->width;
    const uint64_t most = request->values == EXPLAIN_VALUES_ROWS
                              ? ENGINE_ACTIVATIONS_MAX_NUMBERS
                              : ENGINE_ACTIVATIONS_MAX_FLOATS;

    if (request->has_sheet && count * size * size > ACTIVATIONS_MAX_PIXELS)
        return fail(err, ERROR_INPUT,
                    "option \"size\": %ju maps of %ju x %ju pixels are too "
                    "many; together they may have %d",
                    (uintmax_t)count, (uintmax_t)size, (uintmax_t)size,
                    ACTIVATIONS_MAX_PIXELS);
    if (request->values != EXPLAIN_VALUES_NONE && values > most)
        return fail(err, ERROR_INPUT,
                    "option \"values\": the %ju channels have %ju values; at "
                    "most %ju are sent in this form",
                    (uintmax_t)count, (uintmax_t)values, (uintmax_t)most);
    return true;
}

bool engine_activations_check(const struct engine *engine,
                              const struct engine_activations_request *request,
                              struct error *err)
{
    const struct layers *layers = &engine->network.layers;
    const struct activations_choice *choice = &request->choice;
    size_t index = layer_of(engine, request);
    const struct layer *layer;

    if (index >= layers->count)
        return fail(err, ERROR_UNSUPPORTED, "the network has no feature maps");
    layer = &layers->list[index];
    for (size_t i = 0; i < choice->num_channels; i++)
        if (choice->channels[i] >= layer->channels)
            return fail(err, ERROR_INPUT,
                        "option \"channels\": there is no channel %zu; the "
                        "layer %.100s has the channels 0 to %zu",
                        choice->channels[i], layer->name, layer->channels - 1);
    return check_amount(request, layer, err);
}

/* ---- the answer ---- */

bool engine_activations_features(struct engine_session *session,
                                 struct probe_features *features, size_t layer,
                                 const struct explain_watch *watch,
                                 struct error *err)
{
    const struct network *network = &session->engine->network;
    const int value =
        layer == network->layers.chosen ? network->layer_value : GRAPH_NONE;
    uint64_t start = clock_now_us();
    bool ok = true;

    if (value != GRAPH_NONE)
        ok = engine_session_run(session, err);
    else
        probe_forget(session->probe);
    if (!ok)
        return false;
    probe_begin(session->probe, layer, value, 1, watch);
    ok = probe_features(session->probe, features, err);
    session->timing.infer = clock_ms_since(start);
    if (!ok)
        probe_end(session->probe);
    return ok;
}

static bool find(struct engine_session *session, size_t layer,
                 const struct activations_choice *choice,
                 const struct explain_watch *watch, struct error *err)
{
    struct probe_features features;
    bool ok;

    if (!engine_activations_features(session, &features, layer, watch, err))
        return false;
    ok = activations_find(&session->activations, features.values,
                          features.height, features.width, features.channels,
                          choice, err);
    probe_end(session->probe);
    return ok;
}

/* Finds and draws what was checked. */
static bool try_to_find(struct engine_session *session,
                        const struct engine_activations_request *request,
                        const struct cancel *cancel, struct error *err)
{
    const struct explain_watch watch = {.cancel = cancel};
    const struct activations_picture picture = {
        .image = &session->image,
        .region = session->region,
        .render = &session->render,
    };
    uint64_t start;

    buf_clear(&session->heatmap);
    if (!find(session, layer_of(session->engine, request), &request->choice,
              &watch, err))
        return false;
    start = clock_now_us();
    if (request->has_sheet &&
        !activations_draw(&session->activations, &session->heatmap, &picture,
                          &request->style, err))
        return false;
    session->timing.render = clock_ms_since(start);
    return true;
}

bool engine_activations_find(struct engine_session *session,
                             struct engine_activations *found,
                             const struct engine_activations_request *request,
                             const struct cancel *cancel, struct error *err)
{
    const struct engine *engine = session->engine;
    struct error why = {0};

    if (!engine_activations_check(engine, request, err) ||
        !cancel_check(cancel, err))
        return false;
    if (!try_to_find(session, request, cancel, &why) &&
        (!engine_session_make_room(session, &why, false) ||
         !try_to_find(session, request, cancel, &why)))
        return error_pass(err, &why);
    *found = (struct engine_activations){
        .image = &session->image,
        .region = session->region,
        .layer = &engine->network.layers.list[layer_of(engine, request)],
        .found = &session->activations,
        .sheet = &session->heatmap,
        .timing = session->timing,
    };
    return true;
}
