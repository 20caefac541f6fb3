#ifndef ENGINE_ENGINE_INTERNAL_H
#define ENGINE_ENGINE_INTERNAL_H

/* The engine's struct, shared by engine.c and engine_session.c. */

#include "engine/engine.h"
#include "engine/model/model_dir.h"
#include "engine/network/network.h"
#include "engine/network/variants.h"

struct engine {
    struct model_dir model_dir;
    struct network network;
    struct variants *variants;           /* owned; has a lock of its own */
    const struct explain_method *method; /* NULL: no method is defined */
    const char *refusal;                 /* as in struct engine_info */
};

/* Describes what is to be explained. num_maps is that of the request at most.
 */
void engine_task(struct explain_task *task, const struct engine *engine,
                 const struct explain_request *request);

/* The method of a request: NULL if it names none and none is defined, for the
 * reason; for the default, the reason is that of explain_choose.
 * ERROR_UNSUPPORTED: the one that it names is not defined. */
bool engine_method(const struct explain_method **method, const char **reason,
                   const struct explain_request *request,
                   const struct explain_task *task, struct error *err)
    __attribute__((warn_unused_result));

/* The passes of a method for a task, and of what refines its maps, at most. */
size_t engine_count_passes(const struct explain_method *method,
                           const struct explain_request *request,
                           const struct explain_task *task);

#endif
