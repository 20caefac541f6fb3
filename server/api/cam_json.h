#ifndef SERVER_API_CAM_JSON_H
#define SERVER_API_CAM_JSON_H

/* The answer of POST /cam, and of wherefore cam, as JSON. */

#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/api/ask.h"
#include "server/http/response.h"

/* What the engine does not see of a picture. */
struct cam_json_source {
    const char *file; /* that it was read from, in any bytes; or NULL */
    double queue_ms;  /* how long it waited */
};

/* The answer of POST /cam as JSON, from the session's last run. Appends to
 * response->body and sets status and type. Renders the maps, boxes and the
 * heatmap that `ask` wants: it takes the time of that. ERROR_MEMORY,
 * ERROR_INTERNAL. Any thread that owns the session. */
bool cam_json_write(struct response *response, struct engine_session *session,
                    const struct engine *engine, const struct ask *ask,
                    const struct cam_json_source *source, struct error *err)
    __attribute__((warn_unused_result));

#endif
