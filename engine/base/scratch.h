#ifndef ENGINE_BASE_SCRATCH_H
#define ENGINE_BASE_SCRATCH_H

/* Memory that is used again and grows where it must: what a session works
 * with from one picture to the next. */

#include <stddef.h>

#include "engine/base/error.h"

/* Makes `memory` (NULL at first), of *cap bytes, long enough for `count`
 * elements of `size` bytes, and returns it; the contents are lost where it
 * has to grow. ERROR_MEMORY: NULL is returned, *cap is 0, and `memory` is
 * freed. */
void *scratch_reserve(void *memory, size_t *cap, size_t count, size_t size,
                      struct error *err) __attribute__((warn_unused_result));

#endif
