#ifndef SERVER_API_ASCEND_JSON_H
#define SERVER_API_ASCEND_JSON_H

/* What POST /ascend and `wherefore ascend` answer. Any thread. */

#include "engine/engine_ascend.h"
#include "server/http/response.h"

/* Writes the answer, a line.
 *
 * has_picture  whether the picture is in it, as a data URL
 *
 * ERROR_MEMORY. */
bool ascend_json_write(struct response *response, const struct engine *engine,
                       const struct engine_ascend *found,
                       const struct engine_ascend_request *request,
                       bool has_picture, double queue_ms, struct error *err)
    __attribute__((warn_unused_result));

/* Writes a line about a step into an empty buffer. ERROR_MEMORY. */
bool ascend_json_step(struct buf *line, const struct engine_ascend_step *step,
                      struct error *err) __attribute__((warn_unused_result));

#endif
