#ifndef ENGINE_ENGINE_SESSION_H
#define ENGINE_ENGINE_SESSION_H

/* The session's struct, shared by engine_session.c and engine_memory.c. */

#include "engine/engine.h"
#include "engine/engine_channels.h"
#include "engine/engine_internal.h"
#include "engine/engine_object.h"

struct engine_session {
    const struct engine *engine;   /* borrowed */
    struct plan_session *plan;     /* owned */
    struct preprocess *preprocess; /* owned */
    struct render render;
    struct image image;
    struct preprocess_region region; /* the part of the image that maps cover */
    float *logits, *scores;          /* (num_classes) owned */
    size_t *best;                    /* (num_classes) scratch; owned */
    struct probe *probe;             /* owned */
    struct explain_maps maps;
    struct engine_object object;
    struct engine_channels channels;
    struct target targets[EXPLAIN_MAX_CLASSES];
    char refusal[ERROR_TEXT_SIZE + 32]; /* the explanation's may be here */
    struct explained_class *explained;  /* owned */
    size_t explained_cap;               /* bytes */
    struct buf heatmap;
    uint64_t num_runs;
    struct engine_timing timing;
};

/* What grows with images, but for the probe's and the preprocessing's. */
void engine_session_release_scratch(struct engine_session *session);

/* After a failure for want of memory, in a process that has a limit of it:
 * frees what methods keep from image to image, and with `all` what else does,
 * and empties *why. Returns whether it makes sense to try again. */
bool engine_session_make_room(struct engine_session *session, struct error *why,
                              bool all);

#endif
