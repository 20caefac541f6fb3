#ifndef ENGINE_SLOTS_H
#define ENGINE_SLOTS_H

/* Which values may have the same memory, one after the other. */

#include <stddef.h>

/* A value that is made in step `first` and taken for the last time in step
 * `last`; in both it needs its memory for itself. */
struct slots_life {
    size_t first, last;
    size_t size;
    size_t slot; /* set by slots_assign */
};

/* Memory for one value at a time. */
struct slots_slot {
    size_t size; /* of the largest value in it */
    size_t last; /* the last step of the value that has it now */
};

/* Gives each value a slot, such that no two in one slot live at a time. Values
 * come in the order of `first`. Each takes a free slot that is large enough, or
 * else one that has to grow, and of these the nearest in size. Returns how many
 * slots there are.
 *
 * lives  in/out  (count)
 * slots  out     (count), of which as many are set as are returned */
size_t slots_assign(struct slots_life *lives, size_t count,
                    struct slots_slot *slots);

#endif
