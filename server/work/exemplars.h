#ifndef SERVER_WORK_EXEMPLARS_H
#define SERVER_WORK_EXEMPLARS_H

/* The exemplars that are offered: the indices that `wherefore exemplars` has
 * written to a folder or to folders in it, each of one layer of a model.
 *
 *     struct exemplars_set *set = exemplars_get(&service->exemplars);
 *
 *     index = exemplars_find(set, "efficientnet-lite0", "features");
 *     ...
 *     exemplars_release(set);
 *
 * A set is immutable. Contact sheets stay in their files. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/error.h"
#include "engine/engine_exemplars.h"
#include "server/work/models.h"

/* The name of an index in its folder, and that of a channel's contact sheet, by
 * the index of the channel. */
#define EXEMPLARS_INDEX "exemplars.json"
#define EXEMPLARS_SHEET "channel-%zu.png"

/* The form that this program writes and reads. */
enum { EXEMPLARS_VERSION = 1 };

/* The largest files, the most indices in a folder, and the most exemplars in
 * all of them. */
enum {
    EXEMPLARS_MAX_INDEX_BYTES = 32 << 20,
    EXEMPLARS_MAX_SHEET_BYTES = 32 << 20,
    EXEMPLARS_MAX_INDICES = 64,
    EXEMPLARS_MAX = 1 << 20
};

/* Everything is borrowed from the set. */
struct exemplar {
    const char *file;       /* its name without folders */
    uint32_t width, height; /* of the photo, in pixels */
    float value;            /* of the layer's largest cell */
    uint32_t x, y;          /* that cell */
    struct crop crop;       /* what it sees, in pixels of the photo */
};

struct exemplars_channel {
    size_t index;                /* in the layer */
    const struct exemplar *list; /* (count) best first */
    size_t count;
};

struct exemplars_index {
    const char *folder;                 /* where its sheets are */
    const char *model;                  /* its name */
    uint32_t checksum;                  /* of its model.onnx */
    uint64_t input_width, input_height; /* pixels */
    const char *layer;                  /* its name */
    uint64_t layer_channels, layer_height, layer_width;
    const struct exemplars_channel *channels; /* (num_channels) ascending */
    size_t num_channels;
};

struct exemplars_set {
    struct exemplars_index list[EXEMPLARS_MAX_INDICES]; /* (count) */
    size_t count;
    size_t num_exemplars; /* of all */
    struct arena arena;
    atomic_size_t num_holders;
};

/* `= {0}` is empty. */
struct exemplars {
    const char *folder; /* borrowed; "" if none is given */
    pthread_mutex_t lock;
    struct exemplars_set *current; /* held, or NULL; guarded by lock */
};

/* Reads the index in a folder ("": there is none) and those in the folders in
 * it. An index that is malformed, or is not of one of the models, is not
 * offered; a line is logged that says why. ERROR_IO: the folder cannot be read;
 * ERROR_MEMORY. On failure `exemplars` is empty. */
bool exemplars_open(struct exemplars *exemplars, const char *folder,
                    struct models *models, unsigned log_format,
                    struct error *err) __attribute__((warn_unused_result));

/* Reads them anew, for models that may have changed. On failure nothing is
 * offered any more. One thread at a time. */
bool exemplars_reload(struct exemplars *exemplars, struct models *models,
                      unsigned log_format, struct error *err)
    __attribute__((warn_unused_result));

/* The current set, with a reference; NULL if there is none. Any thread. */
struct exemplars_set *exemplars_get(struct exemplars *exemplars);

/* Gives the reference back. NULL is ignored. Any thread. */
void exemplars_release(struct exemplars_set *set);

/* The index of a model's layer, or NULL; the channel of an index, or NULL. */
const struct exemplars_index *exemplars_find(const struct exemplars_set *set,
                                             const char *model,
                                             const char *layer);
const struct exemplars_channel *
exemplars_find_channel(const struct exemplars_index *index, size_t channel);

/* An empty `exemplars` is fine too. */
void exemplars_close(struct exemplars *exemplars);

#endif
