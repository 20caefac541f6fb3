#include "engine/engine_features.h"

#include "engine/engine_activations.h"
#include "engine/engine_session.h"

bool engine_features_find(struct engine_session *session,
                          struct engine_features *features, size_t layer,
                          const struct cancel *cancel, struct error *err)
{
    const struct explain_watch watch = {.cancel = cancel};
    struct probe_features found;

    if (!engine_activations_features(session, &found, layer, &watch, err))
        return false;
    *features = (struct engine_features){
        .values = found.values,
        .height = found.height,
        .width = found.width,
        .channels = found.channels,
        .image_width = session->image.width,
        .image_height = session->image.height,
        .region = session->region,
    };
    return true;
}

void engine_features_end(struct engine_session *session)
{
    probe_end(session->probe);
}

const struct preprocess_spec *engine_features_input(const struct engine *engine)
{
    return &engine->model_dir.input;
}
