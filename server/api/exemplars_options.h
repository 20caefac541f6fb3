#ifndef SERVER_API_EXEMPLARS_OPTIONS_H
#define SERVER_API_EXEMPLARS_OPTIONS_H

/* The options of GET /exemplars. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/api/request_options.h"
#include "server/http/params.h"

struct exemplars_request {
    size_t layer;     /* index in engine_layers */
    uint64_t channel; /* of the layer */
    bool is_one;      /* the above; else what there is, is listed */
};

const struct request_options *exemplars_options_table(void);

/* Reads what is asked of `engine`. The option "model" is only checked to be
 * there once at most. ERROR_INPUT names the option and what it accepts, of an
 * unknown one, the options there are; or one of "layer" and "channel" is
 * missing, or the layer has no such channel. Any thread. */
bool exemplars_options_parse(struct exemplars_request *request,
                             const struct params *params,
                             const struct engine *engine, struct error *err)
    __attribute__((warn_unused_result));

#endif
