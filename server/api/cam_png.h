#ifndef SERVER_API_CAM_PNG_H
#define SERVER_API_CAM_PNG_H

/* The answer of POST /cam as the heatmap itself. */

#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/api/ask.h"
#include "server/http/response.h"

/* From the session's last run. ERROR_UNSUPPORTED: the model has no CAM head. */
bool cam_png_write(struct response *response, struct engine_session *session,
                   const struct ask *ask, struct error *err)
    __attribute__((warn_unused_result));

#endif
