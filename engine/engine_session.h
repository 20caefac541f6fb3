#ifndef ENGINE_ENGINE_SESSION_H
#define ENGINE_ENGINE_SESSION_H

/* The session's struct, shared by engine_session.c, engine_sample.c,
 * engine_memory.c and engine_activations.c. */

#include "engine/engine.h"
#include "engine/engine_channels.h"
#include "engine/engine_internal.h"
#include "engine/engine_object.h"
#include "engine/explain/probe.h"
#include "engine/inside/activations.h"

/* Which maps a session has: a request that asks for the same needs no others.
 * `= {0}`: none. */
struct engine_made {
    const struct explain_method *method; /* NULL: there are no maps */
    struct explain_request request;
    const struct layer *layer;
    bool has_colours;
    size_t passes;
};

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
    struct engine_made made; /* what the maps are of */
    struct engine_object object;
    struct engine_channels channels;
    struct target targets[EXPLAIN_MAX_CLASSES];
    char refusal[ERROR_TEXT_SIZE + 32]; /* the explanation's may be here */
    struct explained_class *explained;  /* owned */
    size_t explained_cap;               /* bytes */
    struct buf heatmap;
    struct activations activations;
    uint64_t num_runs;
    struct engine_timing timing;
};

void engine_session_release_maps(struct engine_session *session);

/* What grows with images, but for the probe's and the preprocessing's. */
void engine_session_release_scratch(struct engine_session *session);

#endif
