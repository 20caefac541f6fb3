#ifndef ENGINE_INSIDE_WINNERS_H
#define ENGINE_INSIDE_WINNERS_H

/* For each channel of a layer, the photos with the largest values among all
 * that were added, in memory that does not depend on how many these were.
 *
 *     struct winners winners = {0};
 *
 *     if (!winners_init(&winners, channels, num_channels, 9, &err) ||
 *         !winners_add(&winners, "cat.png", &frame, peaks, &err))   each photo
 *         ...
 *     ... winners_list(&winners, i)
 *     winners_release(&winners);
 *
 * The order in which photos are added does not matter. One thread at a time. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/inside/crop.h"
#include "engine/inside/peaks.h"

enum { WINNERS_MAX_TOP = 36 };

/* The most winners of all channels together. */
enum { WINNERS_MAX = 1 << 17 };

/* A photo that is on at least one list. */
struct winners_photo {
    size_t num_places; /* on lists */
    struct crop_frame frame;
    char file[]; /* its name, below the folder */
};

struct winner {
    struct peak peak;
    struct winners_photo *photo; /* owned by all lists together */
};

/* `= {0}` is empty. */
struct winners {
    size_t num_channels, top;
    size_t *channels;    /* (num_channels) indices in the layer; owned */
    size_t *counts;      /* (num_channels) owned */
    struct winner *list; /* (num_channels, top) owned */
};

/* Prepares empty lists of the `top` best photos, 1..WINNERS_MAX_TOP, for these
 * channels of a layer; for all of its channels from 0 on if `channels` is NULL.
 * ERROR_LIMIT: more than WINNERS_MAX; ERROR_MEMORY. */
bool winners_init(struct winners *winners, const size_t *channels,
                  size_t num_channels, size_t top, struct error *err)
    __attribute__((warn_unused_result));

/* Adds a photo to the lists that it belongs on. The largest value comes first;
 * of equal values, as those that a ReLU6 cuts off, the channel's larger mean;
 * of equal means, the file whose name is first by its bytes. What is not a
 * number is on no list. No file is added twice. ERROR_MEMORY: it may be on some
 * of its lists.
 *
 * peaks  of all channels of the layer */
bool winners_add(struct winners *winners, const char *file,
                 const struct crop_frame *frame, const struct peaks *peaks,
                 struct error *err) __attribute__((warn_unused_result));

/* The list of channel number i < num_channels, best first; its length is
 * counts[i]. */
const struct winner *winners_list(const struct winners *winners, size_t i);

void winners_release(struct winners *winners);

#endif
