#ifndef SERVER_API_FILTERS_OPTIONS_H
#define SERVER_API_FILTERS_OPTIONS_H

/* The options of GET /filters, which `wherefore filters` takes as well. */

#include <stdbool.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/engine_filters.h"
#include "server/api/request_options.h"
#include "server/http/params.h"

/* The rows; their data begins with a struct engine_filters_request. */
const struct request_options *filters_options_table(void);

/* Reads what is asked of `engine`. The option "model" is only checked to be
 * there once at most. ERROR_INPUT names the option and what it accepts; of an
 * unknown one, the options there are. Any thread.
 *
 * has_sheet  whether a contact sheet is asked for */
bool filters_options_parse(struct engine_filters_request *request,
                           const struct params *params,
                           const struct engine *engine, bool has_sheet,
                           struct error *err)
    __attribute__((warn_unused_result));

#endif
