#ifndef SERVER_API_CAM_JSON_H
#define SERVER_API_CAM_JSON_H

/* The JSON response of POST /cam, which `wherefore cam` prints too. */

#include <jansson.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/http/response.h"

/* What the engine does not know about an image. */
struct cam_json_source {
    const char *file; /* the file's name, not necessarily UTF-8; or NULL */
    const json_t *id; /* what the caller knows it by; or NULL */
    double queue_ms;  /* time in the queue */
};

/* Appends the JSON to response->body and sets status and type. ERROR_MEMORY.
 * Any thread that owns the explanation. */
bool cam_json_write(struct response *response, const struct engine *engine,
                    const struct explanation *explanation,
                    const struct explain_request *request,
                    const struct cam_json_source *source, struct error *err)
    __attribute__((warn_unused_result));

/* The same as an object, which includes the heatmap; NULL: there is not enough
 * memory. */
json_t *cam_json_object(const struct engine *engine,
                        const struct explanation *explanation,
                        const struct explain_request *request,
                        const struct cam_json_source *source)
    __attribute__((warn_unused_result));

/* Its classes alone. */
json_t *cam_json_classes(const struct engine *engine,
                         const struct explanation *explanation,
                         const struct explain_request *request)
    __attribute__((warn_unused_result));

#endif
