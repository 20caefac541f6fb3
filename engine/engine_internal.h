#ifndef ENGINE_ENGINE_INTERNAL_H
#define ENGINE_ENGINE_INTERNAL_H

/* The engine's struct, shared by engine.c and engine_session.c. */

#include "engine/engine.h"
#include "engine/model/model_dir.h"
#include "engine/network/network.h"

struct engine {
    struct model_dir model_dir;
    struct network network;
    const struct explain_method *method; /* NULL: no method is defined */
    const char *refusal;                 /* why not, or NULL */
};

#endif
