#ifndef ENGINE_RUN_MEMORY_PLAN_H
#define ENGINE_RUN_MEMORY_PLAN_H

/* Where values lie in one block of memory that they share: two may have the
 * same bytes if one is done with before the other is made. */

#include <stddef.h>

#include "engine/base/error.h"

/* A value that is made in step `first` and taken for the last time in step
 * `last`; from the one to the other it needs its memory for itself. */
struct place {
    size_t first, last;
    size_t size;   /* at most SIZE_MAX / 2, all together */
    size_t offset; /* set by memory_plan */
};

/* Finds a place for each value, and how large the block must be: little more
 * than what lives at a time, at most. The largest are placed first, each as
 * low as it goes. ERROR_MEMORY.
 *
 * places  in/out  (count) */
bool memory_plan(struct place *places, size_t count, size_t *size,
                 struct error *err) __attribute__((warn_unused_result));

#endif
