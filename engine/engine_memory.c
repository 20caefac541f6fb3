/* What an engine and its sessions keep from image to image is given back. */
#include <stdlib.h>

#include "engine/base/memory_limit.h"
#include "engine/engine.h"
#include "engine/engine_session.h"

void engine_trim(struct engine *engine)
{
    variants_trim(engine->variants);
}

void engine_session_release_maps(struct engine_session *session)
{
    explain_release(&session->maps);
    session->made = (struct engine_made){0};
}

void engine_session_release_scratch(struct engine_session *session)
{
    render_release(&session->render);
    image_release(&session->image);
    engine_session_release_maps(session);
    engine_object_trim(&session->object);
    engine_channels_release(&session->channels);
    activations_release(&session->activations);
    buf_release(&session->heatmap);
    free(session->explained);
    session->explained = NULL;
    session->explained_cap = 0;
}

void engine_session_trim(struct engine_session *session)
{
    probe_trim(session->probe);
    preprocess_trim(session->preprocess);
    engine_session_release_scratch(session);
}

bool engine_session_make_room(struct engine_session *session, struct error *why,
                              bool all)
{
    if (why->kind != ERROR_MEMORY || memory_limit() == 0)
        return false;
    if (all)
        engine_session_trim(session);
    else
        probe_trim(session->probe);
    variants_trim(session->engine->variants);
    *why = (struct error){0};
    return true;
}
