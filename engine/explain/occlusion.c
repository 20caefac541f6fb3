/* Occlusion: how much the target falls where a square of the image is hidden.
 *
 * A side of length n is covered by squares of a side s, about half of it apart,
 * the first at the start and the last at the end. A pixel's value is the mean
 * fall over the squares that cover it. The square with the largest fall is then
 * hidden once more, in an image that is made anew: the check compares. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/explain/method.h"

/* The squares along one side. */
struct grid {
    size_t length, side, count;
};

static struct grid grid_of(size_t length, uint32_t window)
{
    struct grid grid = {.length = length,
                        .side = window > 0 ? window : (length + 2) / 5};
    size_t step;

    grid.side = grid.side < 1 ? 1 : grid.side > length ? length : grid.side;
    step = grid.side > 1 ? grid.side : 2; /* in halves of a pixel */
    grid.count = 1 + (2 * (length - grid.side) + step - 1) / step;
    return grid;
}

/* Where square number i begins. */
static size_t start_of(const struct grid *grid, size_t i)
{
    return grid->count < 2
               ? 0
               : (size_t)lround((double)i *
                                (double)(grid->length - grid->side) /
                                (double)(grid->count - 1));
}

struct square {
    size_t top, left;
};

struct hiding {
    const struct explain_task *task;
    struct probe_features image;
    struct grid down, across;
    size_t worst[EXPLAIN_MAX_CLASSES]; /* (maps) the square with the largest
                                          fall */
    double least[EXPLAIN_MAX_CLASSES]; /* (maps) the target without it */
};

static struct hiding hiding_of(const struct explain_task *task)
{
    const struct graph *graph = &task->network->graph;
    const struct graph_shape *shape = &graph->values[graph->inputs[0]].shape;

    return (struct hiding){
        .task = task,
        .down = grid_of(shape->dim[1], task->parameters.window),
        .across = grid_of(shape->dim[2], task->parameters.window),
    };
}

static struct square square_of(const struct hiding *hiding, size_t i)
{
    return (struct square){
        .top = start_of(&hiding->down, i / hiding->across.count),
        .left = start_of(&hiding->across, i % hiding->across.count),
    };
}

static size_t passes(const struct explain_task *task)
{
    const struct hiding hiding = hiding_of(task);

    return hiding.down.count * hiding.across.count + task->num_maps;
}

static void prepare(void *user, size_t i, float *input)
{
    const struct hiding *hiding = user;
    size_t channels = hiding->image.channels, width = hiding->image.width;
    struct square square = square_of(hiding, i);

    for (size_t y = square.top; y < square.top + hiding->down.side; y++)
        for (size_t x = square.left; x < square.left + hiding->across.side; x++)
            for (size_t c = 0; c < channels; c++)
                input[(y * width + x) * channels + c] =
                    hiding->task->baseline[c];
}

static void restore(void *user, size_t i, float *input)
{
    const struct hiding *hiding = user;
    size_t channels = hiding->image.channels, width = hiding->image.width;
    struct square square = square_of(hiding, i);

    for (size_t y = square.top; y < square.top + hiding->down.side; y++) {
        size_t at = (y * width + square.left) * channels;

        memcpy(input + at, hiding->image.values + at,
               hiding->across.side * channels * sizeof *input);
    }
}

/* Adds the fall of one square to what it covers. */
static void spread(float *map, float *covered, const struct hiding *hiding,
                   size_t i, float fall)
{
    struct square square = square_of(hiding, i);

    for (size_t y = square.top; y < square.top + hiding->down.side; y++)
        for (size_t x = square.left; x < square.left + hiding->across.side;
             x++) {
            map[y * hiding->image.width + x] += fall;
            covered[y * hiding->image.width + x] += 1;
        }
}

/* The values are (squares, maps->count). */
static bool fill(struct explain_maps *maps, struct hiding *hiding,
                 const double *values, const struct explain_input *input,
                 struct error *err)
{
    size_t count = hiding->down.count * hiding->across.count;
    size_t cells = hiding->image.height * hiding->image.width;
    float *covered = malloc(cells * sizeof *covered);

    if (!covered)
        return fail(err, ERROR_MEMORY, "not enough memory for a map");
    for (size_t m = 0; m < maps->count; m++) {
        float *map = maps->map[m].values;
        double whole = target_value(&input->targets[m], input->logits);

        hiding->worst[m] = 0;
        hiding->least[m] = values[m];
        memset(covered, 0, cells * sizeof *covered);
        for (size_t i = 0; i < count; i++) {
            double value = values[i * maps->count + m];

            spread(map, covered, hiding, i, (float)(whole - value));
            if (value < hiding->least[m]) {
                hiding->worst[m] = i;
                hiding->least[m] = value;
            }
        }
        for (size_t i = 0; i < cells; i++)
            map[i] /= covered[i];
    }
    free(covered);
    return true;
}

/* ---- the check ---- */

/* Writes the whole image without the worst square of map m. */
static void hide_worst(void *user, size_t m, float *input)
{
    const struct hiding *hiding = user;
    const struct probe_features *image = &hiding->image;
    struct square square = square_of(hiding, hiding->worst[m]);

    for (size_t y = 0; y < image->height; y++)
        for (size_t x = 0; x < image->width; x++) {
            size_t at = (y * image->width + x) * image->channels;
            bool is_hidden =
                y >= square.top && y - square.top < hiding->down.side &&
                x >= square.left && x - square.left < hiding->across.side;

            for (size_t c = 0; c < image->channels; c++)
                input[at + c] = is_hidden ? hiding->task->baseline[c]
                                          : image->values[at + c];
        }
}

/* `values` is scratch for (maps->count, maps->count). */
static bool add_checks(struct explain_maps *maps, struct hiding *hiding,
                       double *values, const struct explain_input *input,
                       struct error *err)
{
    const struct probe_task task = {
        .count = maps->count, .user = hiding, .prepare = hide_worst};

    if (!probe_targets(input->probe, PROBE_IMAGE, &task, input->targets,
                       maps->count, values, err))
        return false;
    for (size_t m = 0; m < maps->count; m++)
        explain_add_check(&maps->map[m], "hidden", hiding->least[m],
                          values[m * maps->count + m]);
    return true;
}

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    struct hiding hiding = hiding_of(input->task);
    const struct probe_task task = {
        .count = hiding.down.count * hiding.across.count,
        .user = &hiding,
        .prepare = prepare,
        .restore = restore,
    };
    double *values =
        malloc((task.count + maps->count) * maps->count * sizeof *values);
    bool ok = values || fail(err, ERROR_MEMORY,
                             "not enough memory for %zu passes", task.count);

    probe_image(input->probe, &hiding.image);
    ok = ok &&
         explain_reserve(maps, hiding.image.height, hiding.image.width, err) &&
         probe_targets(input->probe, PROBE_IMAGE, &task, input->targets,
                       maps->count, values, err) &&
         fill(maps, &hiding, values, input, err) &&
         add_checks(maps, &hiding, values + task.count * maps->count, input,
                    err);
    free(values);
    return ok;
}

static const char *refuse(const struct explain_task *task)
{
    (void)task;
    return NULL;
}

const struct explain_method occlusion_method = {
    .title = "occlusion",
    .paper = "Zeiler and Fergus, Visualizing and Understanding Convolutional "
             "Networks, ECCV 2014, arXiv 1311.2901",
    .needs = "nothing",
    .parameters = EXPLAIN_HAS(EXPLAIN_WINDOW),
    .of_pixels = true,
    .is_signed = true,
    .refuse = refuse,
    .passes = passes,
    .explain = explain,
};
