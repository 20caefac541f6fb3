#ifndef SERVER_API_EXPLAIN_OPTIONS_H
#define SERVER_API_EXPLAIN_OPTIONS_H

/* The options of POST /cam, which `wherefore cam` takes as well: one table, a
 * row each. Query parameters and form fields are read by the same rows. */

#include <stddef.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/api/request_options.h"
#include "server/http/params.h"

enum { EXPLAIN_OPTIONS_MAX_SIDE = 4096 /* of a heatmap */ };

/* The rows; their data begins with a struct explain_request. */
const struct request_options *explain_options_table(void);

/* Reads what is asked of `engine`; where it is NULL, since the model is not
 * known yet, what depends on it is not looked at. What options say together is
 * checked only if `is_whole`: others may follow in a form. The option "model"
 * is only checked to be there once at most. ERROR_INPUT names the option and
 * what it accepts; of an unknown one, the options there are. Any thread. */
bool explain_options_parse(struct explain_request *request,
                           const struct params *params,
                           const struct engine *engine, bool is_whole,
                           struct error *err)
    __attribute__((warn_unused_result));

#endif
