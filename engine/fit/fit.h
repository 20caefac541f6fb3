#ifndef ENGINE_FIT_FIT_H
#define ENGINE_FIT_FIT_H

/* Fits a new head to a network: the user's own classes, from photos of each.
 *
 * The network is left as it is. Each photo's features (H, W, C) of one layer
 * are pooled to C numbers, by the mean or the maximum, and a linear layer is
 * fitted to these by multinomial logistic regression:
 *
 *     logit_k = bias_k + sum over c of weights[k][c] pooled[c]
 *
 * so class activation maps of the new classes are exact (head.h).
 *
 *     struct fit fit = {0};
 *
 *     if (!fit_run(&fit, &options, &err) || !fit_write(&fit, folder, &err))
 *         ...
 *     fit_release(&fit);
 *
 * What is measured of a photo is measured by heads that were fitted without it,
 * and without its near-duplicates. One thread at a time, but for
 * fit_read_map and fit_read_image. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/cancel.h"
#include "engine/base/error.h"
#include "engine/evaluate/dataset.h"
#include "engine/image/image.h"
#include "engine/image/preprocess.h"

enum {
    FIT_MAX_CLASSES = 1000,
    FIT_MAX_PHOTOS = 1 << 17,
    FIT_MIN_FOLDS = 2,
    FIT_MAX_FOLDS = 20,
};

/* The place of struct fit_photo.fold for photos of val/. */
#define FIT_VALIDATION UINT32_MAX

/* X(enumerator, name) */
#define FIT_POOLS(X)  \
    X(FIT_GAP, "gap") \
    X(FIT_GMP, "gmp")

enum fit_pool {
    FIT_POOL_AUTO, /* as the network pools; FIT_GAP if it does not */
#define X(pool, name) pool,
    FIT_POOLS(X)
#undef X
};

/* A class, in the order of the head's logits. */
struct fit_class {
    const char *name;
    size_t num_photos;     /* of the training set */
    size_t num_validation; /* of val/ */
    float weight;          /* of each photo of it in the fit */
};

/* A photo that was read. */
struct fit_photo {
    const char *file; /* the path that opens it */
    const char *name; /* as the data set names it */
    uint32_t class;   /* index of its true class */
    uint32_t fold;    /* in which it was held out, or FIT_VALIDATION */
    uint32_t group;   /* of near-duplicates; index, unique to it if it has none.
                         All photos of one group are in one fold */
    bool is_measured; /* false for photos of val/ with a near-duplicate among
                         the training set: they count nowhere */
    uint32_t width, height;          /* of the upright photo, in pixels */
    struct preprocess_region region; /* the part that the map covers */
    /* By a head that was fitted without its fold: */
    uint32_t predicted;         /* index of the best class */
    float certainty;            /* the probability of that class */
    const float *logits;        /* (num_classes) divided by the temperature */
    const float *probabilities; /* (num_classes) softmax of these */
};

/* Two photos that are too alike to be on both sides of a split. */
struct fit_pair {
    size_t a, b;   /* photos, a < b */
    float cosine;  /* of their features, about the mean */
    unsigned bits; /* by which their difference hashes differ, of 64 */
};

/* A photo that was left out, and why. */
struct fit_trouble {
    const char *name;
    struct error why;
};

/* One strength of the regularization, tried by cross-validation. */
struct fit_strength {
    double c;        /* the weight of the data against |weights|^2 / 2 */
    double accuracy; /* 0..1, of photos that were held out */
    double loss;     /* mean log loss of these, by class weights, at the best
                        temperature */
};

/* `= {0}` is empty. Everything is owned by it. */
struct fit {
    struct fit_class *classes; /* (num_classes) */
    size_t num_classes;
    struct fit_photo *photos; /* (num_photos) in the order of the data set; of
                                 val/ last */
    size_t num_photos;
    size_t num_validation; /* how many of them are of val/ */
    size_t num_groups;
    struct fit_pair *pairs; /* (num_pairs) */
    size_t num_pairs;
    struct fit_trouble *troubles; /* (num_troubles) */
    size_t num_troubles;

    /* The head. */
    enum fit_pool pool; /* FIT_GAP or FIT_GMP */
    const char *layer;  /* the name of the features' layer */
    size_t map_height, map_width, num_features; /* of the features */
    float *weights; /* (num_classes, num_features) divided by the temperature */
    float *bias;    /* (num_classes) likewise */

    /* How it was fitted. */
    const char *base;        /* the name of the base model */
    const char *base_sha256; /* of its file, in hexadecimal */
    uint64_t seed;
    uint32_t num_folds;
    bool is_balanced;               /* classes weigh the same */
    struct fit_strength *strengths; /* (num_strengths) from weak to strong
                                       weights, by ascending c */
    size_t num_strengths, chosen;   /* index */
    double temperature;

    /* Of held-out photos: those of val/ if there are any, or else of all
     * folds. */
    size_t num_measured, num_correct;
    double accuracy, balanced_accuracy, macro_f1; /* 0..1 */
    double loss;                                  /* mean log loss */

    /* Seconds: of the features' passes, and of all else. */
    double features_s, rest_s;
    size_t num_cached; /* photos whose features the cache had */

    struct fit_internal *internal;
};

struct fit_options {
    const char *data; /* a folder of class folders; of train/ and val/ with
                         these; or a file that dataset_open takes */
    struct dataset_options dataset;
    const char *base;  /* the folder of the base model */
    const char *layer; /* engine_find_layer; NULL: that of the base's head */
    enum fit_pool pool;
    uint64_t seed;
    uint32_t num_folds; /* 0: 5 */
    bool is_unbalanced; /* photos weigh the same, instead of classes */
    const char *cache;  /* the folder for features, which is made; parents
                           are not */
    struct image_limits limits;
    size_t max_bytes;     /* of a photo's file */
    unsigned num_threads; /* 1 to TEAM_MAX_THREADS */
    /* Told of each photo that is done, and of each that is left out; one call
     * at a time. May be NULL. */
    void (*progress)(void *user, size_t done, size_t total);
    /* Told, after the photos, of each strength that cross-validation has tried,
     * of `most` or fewer: with hundreds of classes, each takes a while. May be
     * NULL. */
    void (*tried)(void *user, size_t done, size_t most);
    void (*trouble)(void *user, const char *name, const struct error *err);
    void *user;
    const struct cancel *cancel; /* NULL: never */
};

/* Reads the photos, and fits.
 *
 * ERROR_INPUT        the data set cannot be used, such as for one class only,
 *                    or a class with less than two different photos; the layer
 *                    is not known
 * ERROR_UNSUPPORTED  the base has no feature maps, or its layer cannot be
 *                    cut at
 * ERROR_LIMIT        too many classes, photos or features
 * ERROR_BUSY         cancelled
 * ERROR_IO, ERROR_MEMORY, ERROR_INTERNAL
 * A photo that cannot be read or decoded is told of, and left out. On failure
 * the fit is to be released, and nothing else. */
bool fit_run(struct fit *fit, const struct fit_options *options,
             struct error *err) __attribute__((warn_unused_result));

/* Reads a photo's feature map, which was kept as halves (IEEE 754 binary16,
 * 11 bits of precision), from the cache. Any thread.
 *
 *     map  out  (map_height, map_width, num_features)
 *
 * ERROR_IO: it is not there any more, or broken; ERROR_MEMORY. */
bool fit_read_map(const struct fit *fit, float *map, size_t photo,
                  struct error *err) __attribute__((warn_unused_result));

enum {
    FIT_IMAGE_LONG = 160,  /* pixels of a reduced photo's longer side, */
    FIT_IMAGE_SHORT = 128, /* and of the shorter side of the part that the
                              network sees, at least, if the photo has them */
};

/* Reads a photo, upright and reduced, from the cache. Fails like fit_read_map.
 * Any thread. */
bool fit_read_image(const struct fit *fit, struct image *image, size_t photo,
                    struct error *err) __attribute__((warn_unused_result));

/* Writes the model's files into an empty folder: model.onnx with the new head,
 * labels.txt, model.json. ERROR_UNSUPPORTED: the base's file cannot be given a
 * new head; ERROR_IO, ERROR_LIMIT, ERROR_MEMORY. */
bool fit_write(const struct fit *fit, const char *folder, const char *name,
               struct error *err) __attribute__((warn_unused_result));

void fit_release(struct fit *fit);

#endif
