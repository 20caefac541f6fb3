#ifndef SERVER_API_CHANNELS_JSON_H
#define SERVER_API_CHANNELS_JSON_H

/* The channels that speak for and against a class as JSON. */

#include <jansson.h>

#include "engine/engine.h"

/* Returns NULL if there is not enough memory. Any thread. */
json_t *channels_json(const struct explained_channels *channels,
                      enum explain_values values);

#endif
