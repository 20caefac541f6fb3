#include "engine/engine_exemplars.h"

#include "engine/engine_activations.h"
#include "engine/engine_session.h"

bool engine_exemplars_find(struct engine_session *session, struct peaks *peaks,
                           struct crop_frame *frame, size_t layer,
                           const struct cancel *cancel, struct error *err)
{
    const struct explain_watch watch = {.cancel = cancel};
    struct probe_features features;
    bool ok;

    if (!engine_activations_features(session, &features, layer, &watch, err))
        return false;
    ok = peaks_find(peaks, features.values, features.height, features.width,
                    features.channels, err);
    probe_end(session->probe);
    *frame = (struct crop_frame){
        .width = session->image.width,
        .height = session->image.height,
        .region = session->region,
    };
    return ok;
}

void engine_exemplars_crop(struct crop *crop, const struct engine *engine,
                           size_t layer, const struct crop_frame *frame,
                           uint32_t x, uint32_t y)
{
    const struct preprocess_spec *input = &engine->model_dir.input;

    crop_find(crop, &engine->network.layers.list[layer], input->width,
              input->height, frame, x, y);
}
