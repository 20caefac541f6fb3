#ifndef SERVER_API_LAYERS_JSON_H
#define SERVER_API_LAYERS_JSON_H

/* The layers of a network as JSON, for GET /model/layers and `wherefore model
 * layers`. */

#include <jansson.h>

#include "engine/engine.h"

/* A new array with an object for each layer, in the order of computation. NULL:
 * not enough memory. */
json_t *layers_json(const struct layers *layers);

#endif
