#ifndef ENGINE_MODEL_MODEL_MEMBERS_H
#define ENGINE_MODEL_MODEL_MEMBERS_H

/* For the parts of model.json that take no other members. Private to this
 * folder, because of Jansson. */

#include <jansson.h>
#include <stddef.h>

#include "engine/base/error.h"

/* ERROR_INPUT if the object `name` has a member that is none of `known`
 * (num_known). Any thread. */
bool model_members_check(json_t *object, const char *name,
                         const char *const *known, size_t num_known,
                         struct error *err) __attribute__((warn_unused_result));

#endif
