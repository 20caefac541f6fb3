#include "engine/run/memory_plan.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const struct memory_block *left = *(struct memory_block *const *)a;
    const struct memory_block *right = *(struct memory_block *const *)b;

    if (left->size != right->size)
        return left->size < right->size ? 1 : -1;
    return left->first < right->first ? -1 : left->first > right->first;
}

static bool meet(const struct memory_block *a, const struct memory_block *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Puts `block` into the first gap that is large enough among the values that
 * are alive at the same time. `placed` is sorted by offset, and stays so. */
static void put(struct memory_block *block, struct memory_block **placed,
                size_t count)
{
    size_t at = 0, i = 0;

    for (; i < count; i++) {
        if (!meet(placed[i], block))
            continue;
        if (placed[i]->offset >= at + block->size)
            break;
        if (placed[i]->offset + placed[i]->size > at)
            at = placed[i]->offset + placed[i]->size;
    }
    block->offset = at;
    for (i = count; i > 0 && placed[i - 1]->offset > at; i--)
        placed[i] = placed[i - 1];
    placed[i] = block;
}

bool memory_plan(struct memory_block *blocks, size_t count, size_t *size,
                 struct error *err)
{
    struct memory_block **order = calloc(count + 1, sizeof *order);
    struct memory_block **placed = calloc(count + 1, sizeof *placed);
    bool ok = order && placed;

    *size = 0;
    if (!ok)
        fail(err, ERROR_MEMORY, "not enough memory for a plan of %zu values",
             count);
    for (size_t i = 0; ok && i < count; i++)
        order[i] = &blocks[i];
    if (ok && count > 0)
        qsort(order, count, sizeof *order, compare);
    for (size_t i = 0; ok && i < count; i++) {
        put(order[i], placed, i);
        if (order[i]->offset + order[i]->size > *size)
            *size = order[i]->offset + order[i]->size;
    }
    free(order);
    free(placed);
    return ok;
}
