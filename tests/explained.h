#ifndef TESTS_EXPLAINED_H
#define TESTS_EXPLAINED_H

/* Asks methods of explanation about the networks of tests/data, below the
 * engine. The image is that of the reference scripts (slopes_fill_picture), and
 * what is hidden of it becomes 0. Whatever fails here fails the running cmocka
 * test.
 *
 *     struct explained explained;
 *
 *     explained_open(&explained, "networks/nin-dynamo18", 1);
 *     explained_target(&explained, TARGET_LOGIT, class, 0);
 *     if (!explained_ask(&explained, "saliency", &err))
 *         ...
 *     ... explained.maps.map[0].values ...
 *     explained_release(&explained); */

#include "engine/explain/explain.h"

struct explained {
    struct network network;
    struct variants *variants;
    struct team *team; /* NULL with one thread */
    struct plan_session *session;
    struct probe *probe;
    struct explain_task task; /* parameters and baseline may be changed */
    struct target targets[EXPLAIN_MAX_CLASSES];
    float *image; /* (height, width, channels) as the network takes
                     it */
    size_t height, width, channels;
    float *logits; /* (num_classes) of the image */
    struct explain_maps maps;
    size_t num_passes; /* of the last method */
};

/* Opens tests/data/FILE.onnx and classifies the image; `num_threads` run passes
 * at a time. The layer is the default one. */
void explained_open(struct explained *explained, const char *file,
                    unsigned num_threads);

/* Classifies another image, (height, width, channels). */
void explained_image(struct explained *explained, const float *image);

/* Changes the layer. */
void explained_layer(struct explained *explained, const char *name);

/* Makes this the first target, and the only one; and adds one. */
void explained_target(struct explained *explained, enum target_kind kind,
                      size_t class_index, size_t against);
void explained_add_target(struct explained *explained, enum target_kind kind,
                          size_t class_index, size_t against);

/* Makes the maps of all targets. Expects as many passes as the method said, or
 * at most as many for scorecam. Fails like the method. */
bool explained_ask(struct explained *explained, const char *method,
                   struct error *err) __attribute__((warn_unused_result));

void explained_release(struct explained *explained);

#endif
