#ifndef SERVER_API_CAM_PNG_H
#define SERVER_API_CAM_PNG_H

/* The answer of POST /cam as the heatmap itself. */

#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/http/response.h"

/* Moves the heatmap into the response, and says whose it is. ERROR_UNSUPPORTED:
 * there is none, as no method is defined for the model. */
bool cam_png_write(struct response *response,
                   const struct explanation *explanation, struct error *err)
    __attribute__((warn_unused_result));

#endif
