#ifndef CLI_CMD_MODEL_JSON_H
#define CLI_CMD_MODEL_JSON_H

/* An inspection as JSON. */

#include <stdbool.h>

#include "engine/base/error.h"
#include "engine/network/inspect.h"

/* Prints one object on standard output: for `check` the problems, for `info`
 * everything. ERROR_MEMORY. */
bool cmd_model_json_print(const char *file, const struct inspection *inspection,
                          bool is_info, struct error *err)
    __attribute__((warn_unused_result));

/* Prints the layers of a network that can be run. ERROR_MEMORY. */
bool cmd_model_json_layers(const char *file,
                           const struct inspection *inspection,
                           struct error *err)
    __attribute__((warn_unused_result));

#endif
