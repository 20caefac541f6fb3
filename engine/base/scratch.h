#ifndef ENGINE_BASE_SCRATCH_H
#define ENGINE_BASE_SCRATCH_H

/* Memory that is reused from one image to the next and grows when needed. */

#include <stddef.h>

#include "engine/base/error.h"

/* Makes `memory` (NULL at first), of *cap bytes, large enough for `count`
 * elements of `size` bytes, and returns it; if it has to grow, its contents are
 * lost. ERROR_MEMORY: NULL is returned, *cap is 0, and `memory` is freed. */
void *scratch_reserve(void *memory, size_t *cap, size_t count, size_t size,
                      struct error *err) __attribute__((warn_unused_result));

#endif
