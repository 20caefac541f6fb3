#ifndef ENGINE_NETWORK_VARIANTS_MAKE_H
#define ENGINE_NETWORK_VARIANTS_MAKE_H

/* Makes a variant from the model's file. Private to variants*.c. */

#include <sys/stat.h>

#include "engine/network/variants.h"

/* What variants are made of; everything is borrowed. */
struct variants_source {
    int fd;           /* of the model's file */
    struct stat file; /* when the model was opened */
    struct onnx_input input;
    const char *logits; /* the name of the logits in the file */
    const struct network *network;
    size_t weights_len; /* bytes, of the network; and of these the ones that a
                           layout moves: */
    size_t moved_len;
};

/* Sets the lengths. The network is laid out, but not planned
 * yet. */
void variants_make_count(struct variants_source *source);

/* About how much memory making it takes, in bytes. */
size_t variants_make_len(const struct variants_source *source,
                         const struct variant_key *key);

/* Makes it; packed weights are shared with other plans. After a failure, the
 * graph is to be released. Fails like variants_take.
 *
 * others  in  (num_others) */
bool variants_make(struct variant *made, const struct variants_source *source,
                   const struct variant_key *key,
                   const struct plan *const *others, size_t num_others,
                   const struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

#endif
