#ifndef SERVER_API_METHODS_JSON_H
#define SERVER_API_METHODS_JSON_H

/* The JSON response of GET /methods. */

#include "engine/base/error.h"
#include "server/http/response.h"
#include "server/work/allowed.h"
#include "server/work/model.h"

/* Fills in the response. ERROR_MEMORY. */
bool methods_json_write(struct response *response, const struct model *model,
                        const struct allowed *allowed, struct error *err)
    __attribute__((warn_unused_result));

#endif
