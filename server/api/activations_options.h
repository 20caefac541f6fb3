#ifndef SERVER_API_ACTIVATIONS_OPTIONS_H
#define SERVER_API_ACTIVATIONS_OPTIONS_H

/* The options of POST /activations, which `wherefore look` takes as well. */

#include <stdbool.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/engine_activations.h"
#include "server/api/request_options.h"
#include "server/http/params.h"

/* The rows; their data begins with a struct engine_activations_request. */
const struct request_options *activations_options_table(void);

/* Reads what is asked of `engine`; where it is NULL, since the model is not
 * known yet, what depends on it is not looked at. What options say together,
 * and whether the model can answer it, is checked only if `is_whole`: others
 * may follow in a form. The option "model" is only checked to be there once at
 * most.
 *
 * has_sheet  whether a contact sheet is asked for
 *
 * ERROR_INPUT names the option and what it accepts; of an unknown one, the
 * options there are. ERROR_UNSUPPORTED: the model has no layers. Any thread. */
bool activations_options_parse(struct engine_activations_request *request,
                               const struct params *params,
                               const struct engine *engine, bool has_sheet,
                               bool is_whole, struct error *err)
    __attribute__((warn_unused_result));

#endif
