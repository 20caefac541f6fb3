#ifndef ENGINE_EVALUATE_EXEMPLIFY_H
#define ENGINE_EVALUATE_EXEMPLIFY_H

/* Finds the photos of a folder that excite each channel of a layer most, on all
 * cores. Memory depends on the number of channels, not on that of photos, and
 * what is found does not depend on the number of threads.
 *
 *     struct exemplify found = {0};
 *     size_t total;
 *
 *     if (!exemplify_count(&total, folder, &err) ||
 *         !exemplify_find(&found, &options, engine, folder, &err))
 *         ...
 *     ... found.winners
 *     exemplify_release(&found);
 *
 * One thread at a time. */

#include <stddef.h>

#include "engine/engine.h"
#include "engine/inside/winners.h"

struct exemplify_options {
    size_t layer;           /* index in engine_layers */
    const size_t *channels; /* (num_channels) of the layer; NULL: all of them */
    size_t num_channels;
    size_t top; /* photos for each channel; 1 to WINNERS_MAX_TOP */
    struct image_limits limits;
    size_t max_bytes;     /* of a photo's file */
    unsigned num_threads; /* 1 to TEAM_MAX_THREADS */
    /* Told of each photo that is done, and of each file or folder that could
     * not be read, by its name in the folder; one call at a time. */
    void (*progress)(void *user, size_t done);
    void (*trouble)(void *user, const char *file, const struct error *err);
    void *user;
};

/* `= {0}` is empty. */
struct exemplify {
    struct winners winners;
    size_t num_photos; /* that were measured */
    size_t num_failed; /* photos and folders that were not */
};

/* Counts the photos (walk.h). ERROR_INPUT, ERROR_IO, ERROR_LIMIT: as in
 * walk_begin. */
bool exemplify_count(size_t *count, const char *folder, struct error *err)
    __attribute__((warn_unused_result));

/* Measures all photos. One that cannot be read or decoded, or whose values are
 * not numbers, is told to options->trouble. Fails like walk_begin, winners_init
 * and engine_session_new, and with ERROR_IO or ERROR_MEMORY if the network
 * cannot be run. */
bool exemplify_find(struct exemplify *found,
                    const struct exemplify_options *options,
                    const struct engine *engine, const char *folder,
                    struct error *err) __attribute__((warn_unused_result));

void exemplify_release(struct exemplify *found);

#endif
