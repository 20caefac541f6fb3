#ifndef ENGINE_EXPLAIN_PIECES_H
#define ENGINE_EXPLAIN_PIECES_H

/* The connected pieces of a map above a cut. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

struct piece {
    uint64_t start; /* of its first cell in reading order */
    uint64_t area;  /* cells */
    double mass;    /* the sum of its values, if `weigh` is set */
    uint32_t left, right, top, bottom; /* inclusive */
};

struct pieces_options {
    float cut;
    bool by_sides; /* only sides connect; else corners do as well */
    bool weigh;
    void (*take)(void *data, const struct piece *piece);
    void *data; /* of take */
};

/* Scratch memory, reused from call to call; `= {0}` is empty. Its size depends
 * on the width of a map, not on its height. */
struct pieces_scratch {
    void *rows; /* (cap) bytes, owned */
    size_t cap;
};

/* Calls `take` once for each connected piece of the cells strictly above the
 * cut, in the order in which they end. NaN is not above. The time is linear in
 * the size of the map. One thread at a time per scratch. ERROR_MEMORY.
 *
 * map  in  (height, width)  sides of at most UINT32_MAX */
bool pieces_find(struct pieces_scratch *scratch, const float *map,
                 size_t height, size_t width,
                 const struct pieces_options *options, struct error *err)
    __attribute__((warn_unused_result));

void pieces_scratch_release(struct pieces_scratch *scratch);

#endif
