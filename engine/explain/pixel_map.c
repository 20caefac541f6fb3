#include "engine/explain/pixel_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct making {
    const struct explain_input *input;
    const struct pixel_map_work *work;
    struct probe_features image;
    float *sum; /* (height, width, channels) owned */
};

const char *pixel_map_refuse(const struct explain_task *task)
{
    (void)task;
    return NULL;
}

size_t pixel_map_passes(const struct explain_task *task)
{
    return task->num_maps;
}

size_t pixel_map_changed_passes(const struct explain_task *task, size_t count)
{
    const struct target target = {.kind = task->target};

    return task->num_maps * probe_gradient_passes(&target, count, true);
}

void pixel_map_largest(float *map, const struct explain_input *input,
                       const struct probe_features *image, const float *sum)
{
    (void)input;
    for (size_t i = 0; i < image->height * image->width; i++) {
        float most = 0;

        for (size_t c = 0; c < image->channels; c++)
            most = fmaxf(most, fabsf(sum[i * image->channels + c]));
        map[i] = most;
    }
}

void pixel_map_distance(float *map, const struct explain_input *input,
                        const struct probe_features *image, const float *sum)
{
    const float *baseline = input->task->baseline;

    for (size_t i = 0; i < image->height * image->width; i++) {
        float total = 0;

        for (size_t c = 0; c < image->channels; c++) {
            size_t at = i * image->channels + c;

            total += (image->values[at] - baseline[c]) * sum[at];
        }
        map[i] = total;
    }
}

static void prepare(void *user, size_t i, float *changed)
{
    const struct making *making = user;

    making->work->prepare(making->input, &making->image, i, changed);
}

static void take(void *user, size_t i, const float *gradient)
{
    struct making *making = user;
    const struct pixel_map_work *work = making->work;
    size_t count =
        making->image.height * making->image.width * making->image.channels;
    float weight = work->weight ? (float)work->weight(making->input, i) : 1;

    for (size_t p = 0; p < count; p++)
        making->sum[p] += weight * gradient[p];
}

static bool make(struct making *making, struct explain_map *map,
                 const struct target *target, struct error *err)
{
    const struct pixel_map_work *work = making->work;
    const struct probe_gradients wanted = {
        .inputs = {.count = work->count,
                   .user = making,
                   .prepare = work->is_unchanged ? NULL : prepare},
        .rule = work->rule,
        .target = target,
        .logits = making->input->logits,
        .take = take,
    };
    size_t count =
        making->image.height * making->image.width * making->image.channels;

    memset(making->sum, 0, count * sizeof *making->sum);
    if (!probe_input_gradients(making->input->probe, &wanted, err))
        return false;
    work->finish(map->values, making->input, &making->image, making->sum);
    if (map->colours)
        memcpy(map->colours, making->sum, count * sizeof *making->sum);
    return true;
}

bool pixel_map_make(struct explain_maps *maps,
                    const struct explain_input *input,
                    const struct pixel_map_work *work, struct error *err)
{
    struct making making = {.input = input, .work = work};
    bool ok;

    probe_image(input->probe, &making.image);
    if (!explain_reserve(maps, making.image.height, making.image.width, err) ||
        (input->task->keeps_colours &&
         !explain_reserve_colours(maps, making.image.channels, err)))
        return false;
    making.sum =
        calloc(making.image.height * making.image.width * making.image.channels,
               sizeof *making.sum);
    ok = making.sum ||
         fail(err, ERROR_MEMORY, "not enough memory for a gradient");
    for (size_t i = 0; ok && i < maps->count; i++)
        ok = make(&making, &maps->map[i], &input->targets[i], err);
    free(making.sum);
    return ok;
}
