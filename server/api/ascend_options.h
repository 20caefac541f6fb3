#ifndef SERVER_API_ASCEND_OPTIONS_H
#define SERVER_API_ASCEND_OPTIONS_H

/* The options of POST /ascend, which `wherefore ascend` takes as well. */

#include <stdbool.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/engine_ascend.h"
#include "server/api/request_options.h"
#include "server/http/params.h"

/* The rows; their data begins with a struct engine_ascend_request. */
const struct request_options *ascend_options_table(void);

/* Reads what is asked of `engine`; where it is NULL, since the model is not
 * known yet, what depends on it is not looked at. What options say together,
 * and whether the model has it, is checked only if `is_whole`: others may
 * follow in a form. The option "model" is only checked to be there once at
 * most.
 *
 * ERROR_INPUT names the option and what it accepts; of an unknown one, the
 * options there are. ERROR_UNSUPPORTED: the model has no layers. Any thread. */
bool ascend_options_parse(struct engine_ascend_request *request,
                          const struct params *params,
                          const struct engine *engine, bool is_whole,
                          struct error *err)
    __attribute__((warn_unused_result));

/* Refuses what is said of a photo that is not there. ERROR_INPUT. Any thread.
 */
bool ascend_options_check_photo(const struct params *params, bool has_photo,
                                struct error *err)
    __attribute__((warn_unused_result));

#endif
