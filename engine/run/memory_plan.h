#ifndef ENGINE_RUN_MEMORY_PLAN_H
#define ENGINE_RUN_MEMORY_PLAN_H

/* Assigns values to offsets in one shared buffer: two values may have
 * the same memory if one is no longer needed when the other is made. */

#include <stddef.h>

#include "engine/base/error.h"

/* A value that is made in step `first` and read for the last time in step
 * `last`; in between, no other value may use its memory. */
struct memory_block {
    size_t first, last;
    size_t size;   /* at most SIZE_MAX / 2 in total */
    size_t offset; /* set by memory_plan */
};

/* Finds an offset for each value, and the size of the buffer: at most little
 * more than the values that are alive at a time. The largest values are placed
 * first, each at the lowest possible offset. ERROR_MEMORY.
 *
 *     blocks  in/out  (count) */
bool memory_plan(struct memory_block *blocks, size_t count, size_t *size,
                 struct error *err) __attribute__((warn_unused_result));

#endif
