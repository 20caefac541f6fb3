#ifndef SERVER_API_ACTIVATIONS_JSON_H
#define SERVER_API_ACTIVATIONS_JSON_H

/* The JSON response of POST /activations, which `wherefore look` prints too. */

#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/engine_activations.h"
#include "server/http/response.h"

/* Appends the JSON to response->body and sets status and type. ERROR_MEMORY.
 * Any thread that owns what was found.
 *
 * file      the name of the image's file, or NULL
 * queue_ms  time in the queue */
bool activations_json_write(struct response *response,
                            const struct engine *engine,
                            const struct engine_activations *found,
                            const struct engine_activations_request *request,
                            const char *file, double queue_ms,
                            struct error *err)
    __attribute__((warn_unused_result));

#endif
