#ifndef ENGINE_ASCEND_ASCEND_H
#define ENGINE_ASCEND_ASCEND_H

/* Gradient ascent: the picture that a class, a channel or a cell of a layer is
 * most excited by (Erhan et al., Visualizing Higher-Layer Features of a Deep
 * Network, 2009; Olah et al., Feature Visualization, 2017), or a photo changed
 * towards that (Hamblin et al., Feature Accentuation, 2024, arXiv 2402.10039).
 *
 *     ascend = ascend_new(&source, &options, &err);
 *     if (!ascend || !ascend_run(ascend, &result, photo, &watch, &err))
 *         ...
 *     ascend_picture(ascend, pixels);
 *     ascend_free(ascend);
 *
 * A layer's value is that before its clamp: a ReLU is blind below 0, and a
 * ReLU6 above 6. Only the network up to the layer is run. If no gradient
 * reaches the picture, since the gates on the way are shut, the first steps
 * take the one that would open them (GRADIENT_REDIRECTED). One thread at a
 * time. The same options make the same picture on one machine, whatever the
 * number of threads. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/ascend/painting.h"
#include "engine/ascend/view.h"
#include "engine/base/cancel.h"
#include "engine/base/error.h"
#include "engine/base/team.h"
#include "engine/image/preprocess.h"
#include "engine/network/network.h"
#include "engine/network/variants.h"

enum {
    ASCEND_MAX_STEPS = 4096,
    ASCEND_MIN_SIZE = 16, /* sides of a picture, in pixels */
    ASCEND_MAX_SIZE = 1024,
    ASCEND_REDIRECTED = 16, /* the first steps, whose gradient may be redirected
                             */
    ASCEND_MORE_PASSES = 3, /* than steps, at most: before the first one, after
                               the last one, and a blocked one once more */
};

/* What is excited. `= {0}` is class 0. */
struct ascend_target {
    bool is_class;
    size_t class_index;
    size_t layer, channel; /* in the network's layers; of the layer */
    bool has_cell;         /* this cell alone; else the mean over all */
    size_t cell_x, cell_y;
};

struct ascend_options {
    struct ascend_target target;
    enum painting_method method;
    size_t steps;         /* 1..ASCEND_MAX_STEPS */
    size_t height, width; /* of the picture: ASCEND_MIN_SIZE..ASCEND_MAX_SIZE */
    uint64_t seed;
    struct view_range range;
    double rate; /* of a step (adam.h), above 0 */
    double near; /* above 0, of a photo: how far the picture may go from it, as
                    the root of the mean square of samples 0 to 1, until it is
                    pulled back as strongly as it is pushed */
};

/* Everything is borrowed and outlives the ascent. */
struct ascend_source {
    const struct network *network;
    struct variants *variants;
    const struct preprocess_spec *spec;
    struct team *team; /* or NULL */
};

/* Who waits for it. `= {0}` waits in silence. */
struct ascend_watch {
    const struct cancel *cancel; /* checked between passes, or NULL */
    /* Called after each step, on the thread that ascends, with the value that
     * the step began with, of the view that it took; or NULL. */
    void (*step)(void *user, size_t done, double value);
    void *user;
};

struct ascend_result {
    double start, end; /* the value, of the whole picture */
    size_t passes;     /* of the network up to the target, there and back */
};

struct ascend;

/* A rate that suits a method. */
double ascend_rate(enum painting_method method);

/* The most passes that an ascent takes. */
size_t ascend_max_passes(const struct ascend_options *options);

/* `cancel` ends the waiting for the network's variant (variants_take), or is
 * NULL. Returns NULL and
 * ERROR_UNSUPPORTED  an operation has no gradient; the text names it
 * ERROR_BUSY         cancelled
 * ERROR_IO, ERROR_LIMIT, ERROR_MEMORY, ERROR_INTERNAL: as in variants_take */
struct ascend *ascend_new(const struct ascend_source *source,
                          const struct ascend_options *options,
                          const struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

/* Runs all steps, once, from noise, or from a photo. ERROR_BUSY: cancelled.
 * ERROR_UNSUPPORTED: the value is not a finite number. ERROR_MEMORY,
 * ERROR_INTERNAL, and as in ascend_new, for the redirected gradient.
 *
 * photo  in  (height, width, 3) red, green and blue, 0 to 255; or NULL */
bool ascend_run(struct ascend *ascend, struct ascend_result *result,
                const float *photo, const struct ascend_watch *watch,
                struct error *err) __attribute__((warn_unused_result));

/* The passes that were run, also after a failure. */
size_t ascend_num_passes(const struct ascend *ascend);

/* The picture as it is now.
 *
 * pixels  out  (height, width, 3) red, green and blue */
void ascend_picture(const struct ascend *ascend, uint8_t *pixels);

void ascend_free(struct ascend *ascend);

#endif
