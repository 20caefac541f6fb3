/* RISE: the sum of random masks, each times how far the target of the image
 * behind it is above the mean of all, divided by n p for n masks that show a
 * share p of the cells. The paper does not subtract the mean: it explains
 * probabilities, and logits, which may be of any size, would drown in the
 * differences of the masks' sums. */
#include <math.h>
#include <stdlib.h>

#include "engine/explain/method.h"
#include "engine/explain/random.h"
#include "engine/explain/stretch.h"

/* What the masks of an image are made from. */
struct masks {
    const struct explain_parameters *parameters;
    const float *baseline;
    struct probe_features image;
};

/* One mask: cells x cells, stretched over one cell more than the image has
 * along each side and shifted by less than a cell. */
struct mask {
    float cells[EXPLAIN_MAX_MASK_CELLS * EXPLAIN_MAX_MASK_CELLS];
    struct stretch stretch;
};

/* `u` says how far the mask is shifted. */
static struct stretch_axis shifted(size_t num_cells, size_t num_pixels,
                                   double u)
{
    size_t cell = (num_pixels + num_cells - 1) / num_cells;
    struct stretch_axis axis = stretch_edges(num_cells, (num_cells + 1) * cell);

    axis.first += axis.step * floor(u * (double)cell);
    return axis;
}

static void make_mask(struct mask *mask, const struct masks *masks, size_t i)
{
    size_t side = masks->parameters->cells;
    uint64_t seed = masks->parameters->seed;
    uint64_t number = (uint64_t)i * (side * side + 2);
    double keep = (double)masks->parameters->keep;

    for (size_t k = 0; k < side * side; k++)
        mask->cells[k] = random_uniform(seed, number++) < keep ? 1 : 0;
    mask->stretch = (struct stretch){
        .cells = mask->cells,
        .channels = 1,
        .across =
            shifted(side, masks->image.width, random_uniform(seed, number)),
        .down = shifted(side, masks->image.height,
                        random_uniform(seed, number + 1)),
        .range = 1,
    };
}

static void prepare(void *user, size_t i, float *changed)
{
    const struct masks *masks = user;
    struct mask mask;

    make_mask(&mask, masks, i);
    stretch_blend(changed, &masks->image, masks->baseline, &mask.stretch);
}

/* Subtracts each map's mean and divides; the values are (count, num_maps). */
static void centre(double *values, size_t count, size_t num_maps, double keep)
{
    for (size_t m = 0; m < num_maps; m++) {
        double mean = 0;

        for (size_t i = 0; i < count; i++)
            mean += values[i * num_maps + m] / (double)count;
        for (size_t i = 0; i < count; i++) {
            double *value = &values[i * num_maps + m];

            *value = keep > 0 ? (*value - mean) / ((double)count * keep) : 0;
        }
    }
}

/* Adds a mask to all maps, with a weight for each. */
static void add_mask(struct explain_maps *maps, const struct stretch *mask,
                     const double *weights)
{
    const size_t height = maps->map[0].height, width = maps->map[0].width;
    float row[STRETCH_PIXELS];

    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x += STRETCH_PIXELS) {
            size_t num =
                width - x < STRETCH_PIXELS ? width - x : STRETCH_PIXELS;

            stretch_row(row, mask, y, x, num);
            for (size_t m = 0; m < maps->count; m++) {
                float *values = maps->map[m].values + y * width + x;
                float weight = (float)weights[m];

                for (size_t i = 0; i < num; i++)
                    values[i] += weight * row[i];
            }
        }
}

static bool add_masks(struct explain_maps *maps, const struct masks *masks,
                      const double *weights, const struct probe *probe,
                      struct error *err)
{
    enum { CHECKED = 16 };

    for (size_t i = 0; i < masks->parameters->masks; i++) {
        struct mask mask;

        if (i % CHECKED == 0 && !probe_check(probe, err))
            return false;
        make_mask(&mask, masks, i);
        add_mask(maps, &mask.stretch, weights + i * maps->count);
    }
    return true;
}

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    const struct explain_parameters *parameters = &input->task->parameters;
    struct masks masks = {.parameters = parameters,
                          .baseline = input->task->baseline};
    const struct probe_task task = {
        .count = parameters->masks, .user = &masks, .prepare = prepare};
    double *values = malloc(task.count * maps->count * sizeof *values);
    bool ok = values || fail(err, ERROR_MEMORY,
                             "not enough memory for %zu passes", task.count);

    probe_image(input->probe, &masks.image);
    ok = ok &&
         explain_reserve(maps, masks.image.height, masks.image.width, err) &&
         probe_targets(input->probe, PROBE_IMAGE, &task, input->targets,
                       maps->count, values, err);
    if (ok) {
        centre(values, task.count, maps->count, (double)parameters->keep);
        ok = add_masks(maps, &masks, values, input->probe, err);
    }
    free(values);
    return ok;
}

static const char *refuse(const struct explain_task *task)
{
    (void)task;
    return NULL;
}

static size_t passes(const struct explain_task *task)
{
    return task->parameters.masks;
}

const struct explain_method rise_method = {
    .title = "RISE",
    .paper = "Petsiuk et al., RISE: Randomized Input Sampling for Explanation "
             "of Black-box Models, BMVC 2018, arXiv 1806.07421",
    .needs = "nothing",
    .parameters = EXPLAIN_HAS(EXPLAIN_MASKS) | EXPLAIN_HAS(EXPLAIN_CELLS) |
                  EXPLAIN_HAS(EXPLAIN_KEEP) | EXPLAIN_HAS(EXPLAIN_SEED),
    .of_pixels = true,
    .is_signed = true,
    .refuse = refuse,
    .passes = passes,
    .explain = explain,
};
