#ifndef ENGINE_FIT_FIT_WORK_H
#define ENGINE_FIT_FIT_WORK_H

/* What a fit works on: shared by the files fit*.c, and private to them. They
 * work one after another, as fit_run calls them. */

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/digest.h"
#include "engine/engine.h"
#include "engine/evaluate/dataset.h"
#include "engine/fit/fit.h"
#include "engine/fit/fit_cache.h"
#include "engine/fit/logistic.h"

/* A photo of the data set. */
struct fit_entry {
    const char *file, *name; /* borrowed from the data set */
    uint32_t class;
    bool is_validation;
    bool is_read; /* the features are known */
    struct fit_cache_photo about;
    char hash[DIGEST_TEXT]; /* of its file */
};

/* What is kept as long as the fit. */
struct fit_internal {
    struct arena arena;
    struct dataset *training, *validation; /* owned; the latter may be NULL */
    struct fit_cache cache;
    struct engine *engine; /* the base; owned */
    size_t layer;
    bool is_nhwc;         /* the layer, in the file */
    struct buf file;      /* the base's, with all its weights; owned */
    char **hashes;        /* (num_photos) of their files; owned */
    float *logits;        /* (num_photos, num_classes) owned */
    float *probabilities; /* (num_photos, num_classes) owned */
    char sha256[DIGEST_TEXT];
    size_t cap_troubles;
    struct image_limits limits;
    size_t max_bytes;
};

struct fit_work {
    struct fit *fit;
    const struct fit_options *options;
    struct fit_entry *entries; /* (num_entries) owned */
    size_t num_entries;
    float *pooled; /* (num_entries, num_features); owned. Those that are read
                      are moved to the front */
    uint32_t *classes; /* (num_photos) owned, like what follows */
    uint32_t *groups, *folds;
    float *weights; /* of each photo in the fit: 0 for those of val/ */
    struct logistic_rows rows;
    double *solution;
};

/* Notes a photo or folder that is left out. Not thread-safe. ERROR_MEMORY. */
bool fit_work_trouble(struct fit_work *work, const char *name,
                      const struct error *why, struct error *err)
    __attribute__((warn_unused_result));

void fit_work_release(struct fit_work *work);

/* fit_open.c: opens the base, chooses the layer and opens the cache. */
bool fit_work_open(struct fit_work *work, struct error *err)
    __attribute__((warn_unused_result));

/* fit_set.c: reads the data set into fit->classes and work->entries. */
bool fit_work_read_set(struct fit_work *work, struct error *err)
    __attribute__((warn_unused_result));

/* fit_features.c: finds the features of all entries, and lists those that could
 * be read as fit->photos. */
bool fit_work_find_features(struct fit_work *work, struct error *err)
    __attribute__((warn_unused_result));

/* fit_solve.c: groups and folds, the strength, the head. */
bool fit_work_solve(struct fit_work *work, struct error *err)
    __attribute__((warn_unused_result));

/* fit_measure.c: what held-out photos are taken for. */
bool fit_work_measure(struct fit_work *work, struct error *err)
    __attribute__((warn_unused_result));

#endif
