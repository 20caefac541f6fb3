#ifndef ENGINE_EXPLAIN_PROBE_H
#define ENGINE_EXPLAIN_PROBE_H

/* The passes that a method may ask of the network, on one image: features and
 * gradients of a layer, gradients of the input, and targets of changed inputs.
 * What they need beside the plan that classifies (variants.h) is made on first
 * use. One thread at a time.
 *
 * A seed is the gradient of a target at the network's logits: (num_logits)
 * numbers, from target_seed(). */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/cancel.h"
#include "engine/base/error.h"
#include "engine/base/team.h"
#include "engine/explain/target.h"
#include "engine/network/network.h"
#include "engine/network/variants.h"

/* Who waits for an explanation. `= {0}` waits in silence. */
struct explain_watch {
    const struct cancel *cancel; /* checked between passes, or NULL */
    /* Called between passes on the thread that explains, with the number of
     * passes that are done and of those there will be; or NULL. It may take its
     * time. */
    void (*progress)(void *user, size_t done, size_t total);
    void *user;
};

/* Everything is borrowed and outlives the probe. */
struct probe_source {
    const struct network *network;
    struct variants *variants;
    struct plan_session *plan; /* the session that classifies */
    struct team *team;         /* or NULL */
};

struct probe;

/* Returns NULL on ERROR_MEMORY. */
struct probe *probe_new(const struct probe_source *source, struct error *err)
    __attribute__((warn_unused_result));

/* Keeps the networks of all passes for the next image, up to 16 of them: for
 * one who explains many images by the same methods. */
void probe_keep_all(struct probe *probe);

/* Forgets the last image: another one is classified. Until then, explanations
 * of one layer share its features and its last gradient. */
void probe_forget(struct probe *probe);

/* Frees what is kept for the next image, and forgets the last one. Between
 * images only. */
void probe_trim(struct probe *probe);

/* Begins with an image that has been classified. `layer` is the index of the
 * layer that is explained; `value` is the layer's value in the network if the
 * plan that classifies outputs it, or GRAPH_NONE. `total` is the number of
 * passes that there will be. `watch` is borrowed until the next call. */
void probe_begin(struct probe *probe, size_t layer, int value, size_t total,
                 const struct explain_watch *watch);

/* Ends it: memory for passes that run at the same time is freed, but for a few.
 * What probe_features gave is gone for the caller. */
void probe_end(struct probe *probe);

/* For work between passes: ERROR_BUSY if nobody waits for the explanation any
 * more. */
bool probe_check(const struct probe *probe, struct error *err)
    __attribute__((warn_unused_result));

/* The number of passes since probe_begin. */
size_t probe_num_passes(const struct probe *probe);

/* How many passes of the whole network all its calls ran. */
uint64_t probe_num_runs(const struct probe *probe);

struct probe_features {
    const float *values; /* (height, width, channels) */
    size_t height, width, channels;
};

/* The value of a plan's graph, (1, height, width, channels), in a session. */
struct probe_features probe_view(const struct graph *graph,
                                 struct plan_session *session, int value);

/* The image as the network takes it. */
void probe_image(const struct probe *probe, struct probe_features *image);

/* The layer's features for the unchanged image; no pass if they are among the
 * outputs of the plan that classifies. They are valid until probe_begin.
 * ERROR_BUSY if cancelled; ERROR_UNSUPPORTED, ERROR_IO, ERROR_MEMORY,
 * ERROR_INTERNAL: as in variants_take. */
bool probe_features(struct probe *probe, struct probe_features *features,
                    struct error *err) __attribute__((warn_unused_result));

/* The gradient of a target at the layer's features, of their shape; valid until
 * the next call. It takes no pass if a mean over the image and a linear layer
 * follow (head_is_closed), and otherwise one through what follows the layer.
 * Fails likewise. */
bool probe_layer_gradient(struct probe *probe, const float *seed,
                          const float **gradient, struct error *err)
    __attribute__((warn_unused_result));

/* ---- many passes, divided among all cores ---- */

/* The passes of one kind. */
struct probe_task {
    size_t count;
    void *user;
    /* Writes the input of pass i; NULL: the unchanged image. Passes are
     * prepared by several threads at a time. With `restore`, the input is the
     * unchanged image before; else anything.
     *
     * input  out  (height, width, channels) of the image or the features */
    void (*prepare)(void *user, size_t i, float *input);
    /* Takes back what `prepare` did to an image; or NULL. For those that change
     * a small part of it. */
    void (*restore)(void *user, size_t i, float *input);
};

/* What is changed in an input. */
enum probe_part {
    PROBE_IMAGE,
    PROBE_FEATURES, /* the passes go through what follows the layer only */
};

/* Computes targets for each of the inputs.
 *
 * values  out  (count, num_targets) */
bool probe_targets(struct probe *probe, enum probe_part part,
                   const struct probe_task *task, const struct target *targets,
                   size_t num_targets, double *values, struct error *err)
    __attribute__((warn_unused_result));

/* Computes the gradients of one target at the input of each pass. `take` gets
 * them in the order of the passes, on the calling thread.
 *
 * logits    (num_classes) of the unchanged image
 * gradient  (height, width, channels) of the image
 *
 * The target log-score takes another pass for each input that is not the
 * unchanged one, to learn its scores. */
struct probe_gradients {
    struct probe_task inputs;
    enum gradient_rule rule;
    const struct target *target;
    const float *logits;
    void (*take)(void *user, size_t i, const float *gradient);
};

bool probe_input_gradients(struct probe *probe,
                           const struct probe_gradients *wanted,
                           struct error *err)
    __attribute__((warn_unused_result));

/* The number of passes that this takes. */
size_t probe_gradient_passes(const struct target *target, size_t count,
                             bool is_changed);

void probe_free(struct probe *probe);

#endif
