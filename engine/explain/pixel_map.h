#ifndef ENGINE_EXPLAIN_PIXEL_MAP_H
#define ENGINE_EXPLAIN_PIXEL_MAP_H

/* What the methods share that compute a map of the input's size from the
 * gradient of the target at the input. */

#include "engine/explain/method.h"

/* The passes of one map. */
struct pixel_map_work {
    size_t count;      /* passes */
    bool is_unchanged; /* all of them with the image itself */
    enum gradient_rule rule;
    /* Writes the input of pass i, (height, width, channels), by several threads
     * at a time; not if is_unchanged. */
    void (*prepare)(const struct explain_input *input,
                    const struct probe_features *image, size_t i,
                    float *changed);
    /* The weight of the gradient of pass i in the sum. */
    double (*weight)(const struct explain_input *input, size_t i);
    /* Makes the map of the sum, (height, width, channels) like the image. */
    void (*finish)(float *map, const struct explain_input *input,
                   const struct probe_features *image, const float *sum);
};

/* Makes all maps, and the sums their colours if the task keeps them. Fails like
 * a method. */
bool pixel_map_make(struct explain_maps *maps,
                    const struct explain_input *input,
                    const struct pixel_map_work *work, struct error *err)
    __attribute__((warn_unused_result));

/* What such a method's row says: it is defined for every network that has
 * gradients, which only a try can tell. */
const char *pixel_map_refuse(const struct explain_task *task);

/* One pass a map. */
size_t pixel_map_passes(const struct explain_task *task);

/* So many changed inputs a map. */
size_t pixel_map_changed_passes(const struct explain_task *task, size_t count);

/* Finishes: the largest absolute value over the channels; and the sum over the
 * channels of what the gradient is multiplied by the image's distance from the
 * baseline. */
void pixel_map_largest(float *map, const struct explain_input *input,
                       const struct probe_features *image, const float *sum);
void pixel_map_distance(float *map, const struct explain_input *input,
                        const struct probe_features *image, const float *sum);

#endif
