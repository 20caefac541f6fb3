#ifndef ENGINE_EXPLAIN_EXPLAIN_H
#define ENGINE_EXPLAIN_EXPLAIN_H

/* The methods of explanation (method.h). A method makes maps for a few classes
 * of one image that has been classified. */

#include "engine/explain/method.h"

/* Returns method number `i`, or NULL after the last; and the one with a name,
 * or NULL. */
const struct explain_method *explain_method(size_t i);
const struct explain_method *explain_method_named(const char *name);

/* A method's name in requests. */
const char *explain_method_name(const struct explain_method *method);

/* Returns the first method that is defined for a network, or NULL if there is
 * none. *refusal then says why, and otherwise why not the very first one, or is
 * NULL. */
const struct explain_method *explain_choose(const char **refusal,
                                            const struct explain_task *task);

/* The passes of the network that a method takes, besides the one that
 * classifies. */
size_t explain_passes(const struct explain_method *method,
                      const struct explain_task *task);

/* Makes maps->count maps by a method that is defined for the task; the classes
 * must be set. Fails like the method. One thread at a time. */
bool explain_run(struct explain_maps *maps, const struct explain_method *method,
                 const struct explain_input *input, struct error *err)
    __attribute__((warn_unused_result));

/* Sets min and max of a map's values. */
void explain_find_range(struct explain_map *map);

void explain_release(struct explain_maps *maps);

#endif
