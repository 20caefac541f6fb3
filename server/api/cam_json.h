#ifndef SERVER_API_CAM_JSON_H
#define SERVER_API_CAM_JSON_H

/* The answer of POST /cam, and of wherefore cam, as JSON. */

#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/http/response.h"

/* What the engine does not see of a picture. */
struct cam_json_source {
    const char *file; /* that it was read from, in any bytes; or NULL */
    double queue_ms;  /* how long it waited */
};

/* Appends the answer to response->body and sets status and type. ERROR_MEMORY.
 * Any thread that owns the explanation. */
bool cam_json_write(struct response *response, const struct engine *engine,
                    const struct explanation *explanation,
                    const struct explain_request *request,
                    const struct cam_json_source *source, struct error *err)
    __attribute__((warn_unused_result));

#endif
