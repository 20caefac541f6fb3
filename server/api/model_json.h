#ifndef SERVER_API_MODEL_JSON_H
#define SERVER_API_MODEL_JSON_H

/* Descriptions of the models as JSON. */

#include <stddef.h>

#include "engine/base/error.h"
#include "server/config/config.h"
#include "server/http/response.h"
#include "server/work/model.h"

/* Writes the model, the limits and the options of POST /cam, for GET /model.
 * ERROR_MEMORY. */
bool model_json_write(struct response *response, const struct model *model,
                      const struct config *config, struct error *err)
    __attribute__((warn_unused_result));

/* The same without what is about a service. */
bool model_json_alone(struct response *response, const struct model *model,
                      struct error *err) __attribute__((warn_unused_result));

/* Writes the model's layers, for GET /model/layers. ERROR_MEMORY. */
bool model_json_layers(struct response *response, const struct model *model,
                       struct error *err) __attribute__((warn_unused_result));

/* Writes each of `models` (count) and how many frames the film has, for GET
 * /models. ERROR_MEMORY. */
bool model_json_list(struct response *response, struct model *const *models,
                     size_t count, size_t num_frames, struct error *err)
    __attribute__((warn_unused_result));

#endif
