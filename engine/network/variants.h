#ifndef ENGINE_NETWORK_VARIANTS_H
#define ENGINE_NETWORK_VARIANTS_H

/* Variants of a model's network: cut at a layer, or with its gradient. They are
 * made from the model's file on first use and shared by all sessions, so that a
 * model that is only asked for class activation maps does not pay for them. */

#include "engine/base/cancel.h"
#include "engine/base/error.h"
#include "engine/network/network.h"
#include "engine/passes/gradient_rule.h"

/* X(enumerator, inputs -> outputs)
 *
 * The features are those of one layer; the seed is the gradient of a target at
 * the logits, or in VARIANT_ASCENT at the features. */
enum variant_kind {
    VARIANT_LOWER,          /* image -> features */
    VARIANT_UPPER,          /* features -> logits */
    VARIANT_UPPER_GRADIENT, /* features, seed -> gradient of the features */
    VARIANT_GRADIENT,       /* image, seed -> gradient of the image */
    VARIANT_ASCENT,         /* image, seed -> gradient of the image, and the
                               value that the seed is of: the features before
                               their clamp, or the logits */
};

/* As a layer of VARIANT_ASCENT: the logits. */
#define VARIANT_LOGITS SIZE_MAX

struct variant_key {
    enum variant_kind kind;
    size_t layer; /* in the network's layers; ignored by VARIANT_GRADIENT */
    enum gradient_rule rule;
};

/* Values of its graph; GRAPH_NONE where it has none. `image` is an input also
 * of the upper part, if the logits depend on the image in other ways than
 * through the layer. Immutable. */
struct variant {
    struct graph graph;
    struct plan *plan;
    int image, features, seed, logits, gradient;
};

/* Whether both are of the same variant. */
bool variants_same(const struct variant_key *a, const struct variant_key *b);

struct variants;

/* At most so many are kept without being in use. */
enum { VARIANTS_MAX_KEPT = 6 };

/* Keeps the open file that the network was read from with these options: `fd`
 * is closed with the variants, or here on failure. The network must outlive
 * them. Returns NULL on ERROR_MEMORY, ERROR_IO. */
struct variants *variants_new(int fd, const struct network_options *options,
                              const struct network *network, struct error *err)
    __attribute__((warn_unused_result));

/* Reads the file again, through the passes up to `last`, into an empty network
 * without a head: before plan_layout all weights are as in the file. The
 * network's only output is that of the classes. After a failure the network may
 * only be released. Any thread. ERROR_IO as below; ERROR_MEMORY, and whatever
 * network_read fails with. */
bool variants_read(const struct variants *variants, struct network *network,
                   enum network_pass last, struct error *err)
    __attribute__((warn_unused_result));

/* Returns a variant, which is made if there is none yet, until variants_give.
 * Any thread. One is made at a time: others that are not there yet wait for its
 * end, and those that are do not. `cancel` ends the wait, and the making
 * between two of its steps, unless others still want it; or NULL.
 *
 * ERROR_UNSUPPORTED  an operation has no gradient, by this rule at least; the
 *                    text names it
 * ERROR_IO           the file, or one with its weights, has changed since the
 *                    model was opened
 * ERROR_BUSY         cancelled
 * ERROR_MEMORY       among others, by memory_limit.h
 * ERROR_LIMIT, ERROR_INTERNAL */
const struct variant *
variants_take(struct variants *variants, const struct variant_key *key,
              const struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

void variants_give(struct variants *variants, const struct variant *variant);

/* Frees those that nobody uses; they are made again when they are wanted. Any
 * thread. */
void variants_trim(struct variants *variants);

/* All variants must have been given back. NULL is allowed. */
void variants_free(struct variants *variants);

#endif
