#include "slots.h"

#include <stdbool.h>

static size_t distance(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

/* Whether a value of `size` is better off in slot `a` than in `b`. */
static bool is_better(const struct slots_slot *a, const struct slots_slot *b,
                      size_t size)
{
    if ((a->size >= size) != (b->size >= size))
        return a->size >= size;
    return distance(a->size, size) < distance(b->size, size);
}

/* The best of the slots that are free in step `first`, or `count`. */
static size_t find_slot(const struct slots_slot *slots, size_t count,
                        size_t first, size_t size)
{
    size_t best = count;

    for (size_t s = 0; s < count; s++)
        if (slots[s].last < first &&
            (best == count || is_better(&slots[s], &slots[best], size)))
            best = s;
    return best;
}

size_t slots_assign(struct slots_life *lives, size_t count,
                    struct slots_slot *slots)
{
    size_t num_slots = 0;

    for (size_t n = 0; n < count; n++) {
        struct slots_life *life = &lives[n];

        life->slot = find_slot(slots, num_slots, life->first, life->size);
        if (life->slot == num_slots)
            slots[num_slots++] = (struct slots_slot){0};
        slots[life->slot].last = life->last;
        if (slots[life->slot].size < life->size)
            slots[life->slot].size = life->size;
    }
    return num_slots;
}
