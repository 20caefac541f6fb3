#ifndef SERVER_API_EXEMPLARS_JSON_H
#define SERVER_API_EXEMPLARS_JSON_H

/* Exemplars as JSON: the answers of GET /exemplars, and the parts of an index.
 * Where nothing else is said, functions return a new object, or NULL if there
 * is not enough memory. Any thread. */

#include <jansson.h>

#include "server/http/response.h"
#include "server/work/exemplars.h"

/* Writes which exemplars of a model there are: each layer, and the channels of
 * it. ERROR_MEMORY. */
bool exemplars_json_list(struct response *response,
                         const struct exemplars_set *set, const char *model,
                         struct error *err) __attribute__((warn_unused_result));

/* Writes a channel of an index. ERROR_MEMORY. */
bool exemplars_json_write(struct response *response,
                          const struct exemplars_index *index,
                          const struct exemplars_channel *channel,
                          struct error *err)
    __attribute__((warn_unused_result));

/* What an index says before its channels, and what it says of each of them, as
 * exemplars_read reads it. */
json_t *exemplars_json_head(const struct exemplars_index *index);
json_t *exemplars_json_channel(const struct exemplars_channel *channel);

#endif
