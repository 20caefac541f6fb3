#ifndef ENGINE_BASE_HUGEPAGES_H
#define ENGINE_BASE_HUGEPAGES_H

/* Memory for data that a network reads from beginning to end in every run:
 * packed weights and feature maps. Large blocks lie close together in huge
 * pages, if the system provides them on request (transparent_hugepage =
 * madvise). A run of EfficientNet-Lite0 then takes 7 % less time, as its
 * weights alone span thousands of ordinary pages.
 *
 * Any thread. A lock is held while blocks are taken and freed, not while they
 * are used. */

#include <stddef.h>

enum { HUGEPAGES_ALIGNMENT = 128 };

/* Returns `size` bytes aligned to HUGEPAGES_ALIGNMENT, or NULL if out of
 * memory. The contents are undefined. */
void *hugepages_take(size_t size) __attribute__((warn_unused_result));

/* The same for what is soon given back: such blocks lie among themselves, so
 * that no others keep their pages. */
void *hugepages_take_brief(size_t size) __attribute__((warn_unused_result));

/* Frees what these returned, if nobody else shares it; NULL is
 * allowed. */
void hugepages_give(void *memory);

/* If both blocks begin with the same `len` bytes, gives `memory` back and
 * returns `other`, which is then to be given back once more; otherwise returns
 * `memory`. Nobody may write to them any more. */
void *hugepages_share(void *memory, void *other, size_t len)
    __attribute__((warn_unused_result));

/* Unmaps what was kept for blocks to come, if no block is in it. */
void hugepages_trim(void);

/* Asks for huge pages for what malloc returned, if it is large: they are given
 * out with a thousandth of the page faults, which are most of what it takes to
 * open a large model. Advice only. */
void hugepages_advise(void *memory, size_t size);

/* Bytes in large blocks that are in use, which malloc does not know about. */
size_t hugepages_in_use(void);

/* Bytes that are mapped for large blocks, in use or not, but for pages that
 * were given back. */
size_t hugepages_mapped(void);

#endif
