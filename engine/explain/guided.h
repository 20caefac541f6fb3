#ifndef ENGINE_EXPLAIN_GUIDED_H
#define ENGINE_EXPLAIN_GUIDED_H

#include "engine/explain/pixel_map.h"

/* Makes the maps of guided backpropagation. Fails like a method. */
bool guided_make(struct explain_maps *maps, const struct explain_input *input,
                 struct error *err) __attribute__((warn_unused_result));

#endif
