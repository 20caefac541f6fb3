#ifndef ENGINE_FIT_ALIKE_H
#define ENGINE_FIT_ALIKE_H

/* Photos that are nearly the same: copies of a file in another size or format,
 * crops of one photo, frames of one film.
 *
 * Two photos are alike if the cosine between their features, about the mean of
 * all, is at least 0.85, and their difference hashes differ in at most 8 bits
 * of 64; or at least 0.9 and at most 16. Neither alone is enough: networks with
 * few features see no difference between some photos, and pictures with plain
 * grounds have like hashes. Of 20 photos, 8 kinds of copies and EfficientNet-
 * Lite0, this finds all in half the size and in poor JPEG, and most that are
 * brighter or lost 5 % at each edge, but no mirror images; different photos had
 * cosines up to 0.75.
 *
 * Photos of one thing in one place are all like that, so there are stricter
 * levels: with each, what cosines lack to 1 is a quarter of that of the level
 * before, and bits are half as many. */

enum { ALIKE_LEVELS = 4 };

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* The difference hash: the picture in 9 x 8 cells, each the mean of its pixels
 * over all channels, and a bit for each two neighbours in a row: whether the
 * right one is brighter. Any thread.
 *
 * pixels  in  (height, width, channels) of any range */
uint64_t alike_hash(const float *pixels, size_t height, size_t width,
                    size_t channels);

struct alike_pair {
    uint32_t a, b; /* photos, a < b */
    float cosine;
    unsigned bits;
};

/* `= {0}` is empty. */
struct alike {
    struct alike_pair *pairs; /* (num_pairs) by a, then b; owned */
    size_t num_pairs;
    uint32_t *groups; /* (count) of each photo: those that are alike, and those
                         alike to these, have one; in the order of their first
                         photos; owned */
    size_t num_groups;
};

struct alike_photos {
    const float
        *features; /* (count, stride) about their mean, `size` of each */
    const uint64_t *hashes; /* (count) */
    size_t count, size, stride;
    unsigned level; /* 0 to ALIKE_LEVELS - 1 */
};

/* Compares all photos with one another, on threads (workers.h). Features are
 * first compared by 64 sums with random signs, whose cosine is mostly
 * within 0.04 of the true one where that is 0.85, and nearer above: one pair in
 * five hundred with the least cosine is missed, and none in a billion from
 * 0.95 on. What is
 * found does not depend on the number of threads. ERROR_MEMORY. */
bool alike_find(struct alike *alike, const struct alike_photos *photos,
                unsigned num_threads, struct error *err)
    __attribute__((warn_unused_result));

void alike_release(struct alike *alike);

#endif
