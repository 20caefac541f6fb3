#include "engine/explain/box.h"

#include <math.h>
#include <stdlib.h>

#include "engine/explain/box_authors.h"
#include "engine/explain/box_object.h"
#include "engine/explain/object.h"
#include "engine/explain/percentile.h"

enum { LANES = 16, BINS = 256 };

/* The largest value, or 0 if none is positive; NaN is skipped. */
static float largest(const float *map, size_t count)
{
    float lanes[LANES] = {0};
    float max = 0;
    size_t i = 0;

    for (; i + LANES <= count; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] =
                map[i + lane] > lanes[lane] ? map[i + lane] : lanes[lane];
    for (; i < count; i++)
        max = map[i] > max ? map[i] : max;
    for (size_t lane = 0; lane < LANES; lane++)
        max = lanes[lane] > max ? lanes[lane] : max;
    return max;
}

/* ---- rules ---- */

/* What a rule looks at. */
struct look {
    const float *map; /* (count) */
    size_t count;
    float max; /* positive */
    const struct box_options *options;
};

/* The rule's threshold, in the unit of the map. */
typedef float cut_fn(const struct look *look);

typedef bool find_fn(struct box_found *found, struct box_scratch *scratch,
                     const float *map, size_t height, size_t width, float max,
                     const struct box_options *options, struct error *err);

static float cut_paper(const struct look *look)
{
    return look->options->threshold > 0 ? look->options->threshold * look->max
                                        : 0;
}

static float cut_gradcam(const struct look *look)
{
    return 0.15f * look->max;
}

/* The last bin of the lower group. With n0 and n1 cells in the groups, whose
 * means are m0 and m1, the variance between them is n0 n1 (m0 - m1)^2, up to a
 * constant; the first of equal ones wins. -1: all cells are in one bin. */
static int separate(const uint64_t bins[BINS])
{
    double all = 0, below = 0, count = 0, num_below = 0, best = 0;
    int at = -1;

    for (int b = 0; b < BINS; b++) {
        all += (double)bins[b] * b;
        count += (double)bins[b];
    }
    for (int b = 0; b + 1 < BINS; b++) {
        double num_above, apart, between;

        below += (double)bins[b] * b;
        num_below += (double)bins[b];
        num_above = count - num_below;
        if (num_below == 0 || num_above == 0)
            continue;
        apart = (all - below) / num_above - below / num_below;
        between = num_below * num_above * apart * apart;
        if (between > best) {
            best = between;
            at = b;
        }
    }
    return at;
}

static float cut_otsu(const struct look *look)
{
    const float scale = BINS / look->max;
    uint64_t bins[BINS] = {0};

    for (size_t i = 0; i < look->count; i++) {
        float bin = look->map[i] > 0 ? look->map[i] * scale : 0;

        bins[bin < BINS ? (unsigned)bin : BINS - 1]++;
    }
    return (float)(separate(bins) + 1) / BINS * look->max;
}

/* Of 10 cells, 0.6 means 6, though the float is a little more. */
static float cut_percentile(const struct look *look)
{
    double share = round((double)look->options->percentile * 1e6) / 1e6;

    return percentile_of_positive(look->map, look->count, share);
}

static float cut_calibrated(const struct look *look)
{
    return look->options->calibrated->threshold * look->max;
}

static const struct {
    const char *name;
    cut_fn *cut;   /* or NULL */
    find_fn *find; /* instead of cut, or NULL */
} rules[] = {
#define cut(name) .cut = cut_##name
#define find(name) .find = box_##name##_find
#define X(rule, name, kind) [rule] = {#name, kind(name)},
    BOX_RULES(X)
#undef X
#undef cut
#undef find
};

size_t box_most(const struct box_options *options)
{
    return options->most < 1         ? 1
           : options->most > BOX_MAX ? BOX_MAX
                                     : options->most;
}

const char *box_rule_name(enum box_rule rule)
{
    return rules[rule].name;
}

/* ---- boxes ---- */

/* The components that count so far. */
struct best {
    struct piece largest;        /* area 0: none yet */
    struct piece heavy[BOX_MAX]; /* (count) the heaviest first */
    size_t count, most;
};

static void consider(void *data, const struct piece *piece)
{
    struct best *best = data;
    struct piece *heavy = best->heavy;
    size_t at = best->count;

    if (piece->area > best->largest.area ||
        (piece->area == best->largest.area &&
         piece->start < best->largest.start))
        best->largest = *piece;
    while (at > 0 && (piece->mass > heavy[at - 1].mass ||
                      (piece->mass == heavy[at - 1].mass &&
                       piece->start < heavy[at - 1].start)))
        at--;
    if (at == best->most)
        return;
    best->count += best->count < best->most;
    for (size_t i = best->count - 1; i > at; i--)
        heavy[i] = heavy[i - 1];
    heavy[at] = *piece;
}

static struct box around(const struct piece *piece, float threshold,
                         double total)
{
    return (struct box){
        .x = piece->left,
        .y = piece->top,
        .width = piece->right - piece->left + 1,
        .height = piece->bottom - piece->top + 1,
        .threshold = threshold,
        .share = total > 0 ? (float)(piece->mass / total) : 0,
    };
}

static double sum_of_positive(const float *map, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += map[i] > 0 ? (double)map[i] : 0;
    return sum;
}

bool box_find_above(struct box_found *found, struct box_scratch *scratch,
                    const float *map, size_t height, size_t width, float max,
                    float cut, size_t most, struct error *err)
{
    struct best best = {.most = most};
    const struct pieces_options options = {
        .cut = cut, .weigh = most > 1, .take = consider, .data = &best};
    const float threshold = cut / max;
    double total = 0;

    if (!pieces_find(&scratch->pieces, map, height, width, &options, err))
        return false;
    if (best.count == 0)
        return true;
    if (options.weigh) {
        total = sum_of_positive(map, height * width);
        while (best.count > 1 &&
               best.heavy[best.count - 1].mass < BOX_LEAST_SHARE * total)
            best.count--;
    } else {
        best.heavy[0] = best.largest;
    }
    found->box = around(&best.largest, threshold, total);
    found->count = best.count;
    for (size_t i = 0; i < best.count; i++)
        found->list[i] = around(&best.heavy[i], threshold, total);
    return true;
}

bool box_find(struct box_found *found, struct box_scratch *scratch,
              const float *map, size_t height, size_t width,
              const struct box_options *options, struct error *err)
{
    struct look look = {
        .map = map, .count = height * width, .options = options};

    *found = (struct box_found){0};
    if (height > UINT32_MAX || width > UINT32_MAX)
        return fail(err, ERROR_LIMIT, "a map of %zu x %zu cells is too large",
                    width, height);
    look.max = largest(map, look.count);
    if (!(look.max > 0) || isinf(look.max))
        return true;
    if (rules[options->rule].find)
        return rules[options->rule].find(found, scratch, map, height, width,
                                         look.max, options, err);
    return box_find_above(found, scratch, map, height, width, look.max,
                          rules[options->rule].cut(&look), box_most(options),
                          err);
}

/* ---- adjusting ---- */

/* Adjusts one direction of a box, from *start on over *length pixels, within
 * `least` to `end`. */
static void adjust(uint32_t *start, uint32_t *length, double scale,
                   double shift, uint32_t least, uint32_t end)
{
    double half = scale * *length / 2;
    double centre = *start + *length / 2.0 + shift;
    double first = fmin(fmax(floor(centre - half + 0.5), least), end - 1.0);
    double stop = fmin(fmax(floor(centre + half + 0.5), first + 1), end);

    *start = (uint32_t)first;
    *length = (uint32_t)(stop - first);
}

void box_adjust(struct box *box, const struct box_options *options,
                const struct box_place *place)
{
    const struct model_box *by = options->calibrated;

    if (options->rule == BOX_CALIBRATED) {
        adjust(&box->x, &box->width, (double)by->scale,
               (double)by->shift_x * place->cell_width, 0, place->width);
        adjust(&box->y, &box->height, (double)by->scale,
               (double)by->shift_y * place->cell_height, 0, place->height);
    } else if (options->rule == BOX_OBJECT) {
        adjust(&box->x, &box->width, OBJECT_SCALE, 0, place->left,
               place->right);
        adjust(&box->y, &box->height, OBJECT_SCALE, 0, place->top,
               place->bottom);
    }
}

void box_scratch_release(struct box_scratch *scratch)
{
    pieces_scratch_release(&scratch->pieces);
    free(scratch->grid);
    *scratch = (struct box_scratch){0};
}
