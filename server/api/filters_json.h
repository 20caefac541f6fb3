#ifndef SERVER_API_FILTERS_JSON_H
#define SERVER_API_FILTERS_JSON_H

/* The JSON response of GET /filters, which `wherefore filters` prints too. */

#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/engine_filters.h"
#include "server/http/response.h"

/* Appends the JSON to response->body and sets status and type. ERROR_MEMORY.
 * Any thread. */
bool filters_json_write(struct response *response, const struct engine *engine,
                        const struct engine_filters *found,
                        const struct engine_filters_request *request,
                        struct error *err) __attribute__((warn_unused_result));

#endif
