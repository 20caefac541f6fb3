#ifndef ENGINE_RUN_MASK_H
#define ENGINE_RUN_MASK_H

/* What a gate of a gradient (GRAPH_GATE) has to know of a feature map: whether
 * each element is between two bounds, as a bit. So a feature map need not be
 * kept until the gradient comes back to it, and 32 times fewer bytes are read
 * then. Element i is bit i % 8, from the lowest on, of byte i / 8. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/team.h"
#include "engine/graph/graph.h"

enum { MASK_UNIT = 8 }; /* a mask has a multiple of this many elements */

struct mask_bounds {
    float low, high; /* exclusive */
};

/* Both compute on the caller's thread and on the member's helpers (NULL:
 * none). `count` is a multiple of MASK_UNIT. */
void mask_make(uint8_t *mask, const float *y, size_t count,
               struct mask_bounds bounds, struct team_member *member);

/* out = g where the mask's bit is set, else 0, within the clamp of `gate`. */
void mask_apply(float *out, const float *g, const uint8_t *mask, size_t count,
                const struct graph_node *gate, struct team_member *member);

#endif
