#include "engine/fit/marks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/explain/lanes.h"

/* A gradient of so many levels counts as half of an infinite one. */
static const float half_level = 8;
/* What a gradient of 1 and an absolute one of 1 are in bytes. */
static const float signed_scale = 74, absolute_scale = 126;
/* Means that differ by less than so many of their deviations are noise. */
static const float noise_deviations = 2;

enum {
    SIGNED = 6, /* of a pixel's values: dx of red, green, blue; dy of them */
    MIN_QUARTER = 3,
};

/* ---- the description of a photo ---- */

/* A part of a photo: pixel (y, x) is at y * down + x * across. */
struct part {
    const float *first;
    ptrdiff_t down, across;
    size_t height, width;
};

/* The soft gradient between two pixels that are two apart. */
static float soften(float before, float after)
{
    float g = (after - before) / 2;

    return g / (fabsf(g) + half_level);
}

/* The pixel beside (y, x), or itself at the edge of the part: there is no
 * gradient then. */
static void gradients(float *out, const struct part *part, size_t y, size_t x)
{
    const float *at =
        part->first + (ptrdiff_t)y * part->down + (ptrdiff_t)x * part->across;
    bool inner_x = x > 0 && x + 1 < part->width;
    bool inner_y = y > 0 && y + 1 < part->height;
    ptrdiff_t dx = inner_x ? part->across : 0, dy = inner_y ? part->down : 0;

    for (size_t c = 0; c < 3; c++) {
        out[c] = soften(at[(ptrdiff_t)c - dx], at[(ptrdiff_t)c + dx]);
        out[3 + c] = soften(at[(ptrdiff_t)c - dy], at[(ptrdiff_t)c + dy]);
    }
}

static float largest(const float *g)
{
    const float red = fabsf(g[0]), green = fabsf(g[1]), blue = fabsf(g[2]);
    const float more = red > green ? red : green;

    return more > blue ? more : blue;
}

static int8_t quantize(float value)
{
    const float within = value > 127 ? 127 : value < -127 ? -127 : value;

    return (int8_t)(within + (within < 0 ? -0.5f : 0.5f));
}

static void describe(int8_t *values, const struct part *part)
{
    const size_t count = part->height * part->width;
    float means[2] = {0}, g[SIGNED];

    for (size_t i = 0; i < count; i++) {
        gradients(g, part, i / part->width, i % part->width);
        means[0] += largest(g) / (float)count;
        means[1] += largest(g + 3) / (float)count;
    }
    for (size_t i = 0; i < count; i++, values += MARKS_CHANNELS) {
        gradients(g, part, i / part->width, i % part->width);
        for (size_t c = 0; c < SIGNED; c++)
            values[c] = quantize(signed_scale * g[c]);
        values[SIGNED] = quantize(absolute_scale * (largest(g) - means[0]));
        values[SIGNED + 1] =
            quantize(absolute_scale * (largest(g + 3) - means[1]));
    }
}

/* The part of a photo with its corner or edge at `first`; steps go inward. */
static struct part part_of(const float *photo, size_t width, size_t height,
                           bool from_bottom, bool from_right)
{
    const ptrdiff_t row = (ptrdiff_t)(3 * width);

    return (struct part){
        .first = photo + (from_bottom ? (ptrdiff_t)(height - 1) * row : 0) +
                 (from_right ? 3 * (ptrdiff_t)(width - 1) : 0),
        .down = from_bottom ? -row : row,
        .across = from_right ? -3 : 3,
        .height = height,
        .width = width,
    };
}

/* Reduces the pixels along an edge to MARKS_ALONG: means of runs. */
static void reduce(float *strip, const struct part *edge)
{
    for (size_t y = 0; y < MARKS_DEPTH; y++)
        for (size_t x = 0; x < MARKS_ALONG; x++) {
            const size_t from = x * edge->width / MARKS_ALONG;
            const size_t to = (x + 1) * edge->width / MARKS_ALONG;
            float *out = strip + 3 * (y * MARKS_ALONG + x);

            memset(out, 0, 3 * sizeof *out);
            for (size_t i = from; i < to; i++)
                for (size_t c = 0; c < 3; c++)
                    out[c] += edge->first[(ptrdiff_t)y * edge->down +
                                          (ptrdiff_t)i * edge->across +
                                          (ptrdiff_t)c] /
                              (float)(to - from);
        }
}

static void describe_edge(int8_t *values, float *strip, struct part part,
                          bool is_upright)
{
    struct part reduced = {strip, 3 * MARKS_ALONG, 3, MARKS_DEPTH, MARKS_ALONG};

    if (is_upright) { /* the left or right edge: rows run along it */
        part = (struct part){part.first, part.across, part.down, part.width,
                             part.height};
    }
    reduce(strip, &part);
    describe(values, &reduced);
}

bool marks_describe(int8_t *values, const uint8_t *pixels, uint32_t width,
                    uint32_t height, struct error *err)
{
    const size_t count = (size_t)3 * width * height;
    float *photo = malloc(count * sizeof *photo);
    float *strip =
        malloc((size_t)3 * MARKS_DEPTH * MARKS_ALONG * sizeof *strip);

    if (!photo || !strip) {
        free(photo);
        free(strip);
        return fail(err, ERROR_MEMORY, "not enough memory for a photo");
    }
    for (size_t i = 0; i < count; i++)
        photo[i] = pixels[i];
    for (size_t i = 0; i < 4; i++, values += MARKS_CORNER_VALUES) {
        struct part corner =
            part_of(photo, width, height, i / 2 == 1, i % 2 == 1);

        corner.height = MARKS_DOWN;
        corner.width = MARKS_ALONG;
        describe(values, &corner);
    }
    for (size_t i = 0; i < 4; i++, values += MARKS_EDGE_VALUES)
        describe_edge(values, strip,
                      part_of(photo, width, height, i == 1, i == 3), i >= 2);
    free(photo);
    free(strip);
    return true;
}

/* ---- the template of a class ---- */

static size_t offset_of(enum marks_place place)
{
    size_t corners = place < MARKS_NUM_CORNERS ? place : MARKS_NUM_CORNERS;

    return corners * MARKS_CORNER_VALUES +
           (place - corners) * MARKS_EDGE_VALUES;
}

static size_t num_values(enum marks_place place)
{
    return place < MARKS_NUM_CORNERS ? MARKS_CORNER_VALUES : MARKS_EDGE_VALUES;
}

/* The sum of photos' values, (count) of each. */
struct sum {
    float *values; /* owned */
    size_t num;    /* photos */
};

/* What a place is scored with; arrays have `count` values. */
struct work {
    size_t offset, count;
    struct sum own, others; /* of the class, and of the others */
    struct sum rest;        /* one of these without some photos */
    float *noise;           /* how much one photo deviates; owned */
    float *template;        /* owned */
    float size;             /* the sum of its squares */
};

static void add(float *restrict sum, const int8_t *restrict values,
                size_t count, float sign)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += sign * values[i];
}

static void add_squares(float *restrict sum, const int8_t *restrict values,
                        size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += (float)(values[i] * values[i]);
}

static void differ(float *restrict template, const float *restrict own,
                   const float *restrict others, const float *restrict noise,
                   size_t count, const float shares[3])
{
    for (size_t i = 0; i < count; i++) {
        const float differs = own[i] * shares[0] - others[i] * shares[1];
        const float bound = noise[i] * shares[2];
        const float above = differs > bound ? differs - bound : 0;
        const float below = differs < -bound ? differs + bound : 0;

        template[i] = above + below;
    }
}

/* Makes the template: by what the mean of the class differs from that of the
 * others, beyond noise. */
static void make_template(struct work *work, const struct sum *own,
                          const struct sum *others)
{
    const float share = 1 / (float)own->num;
    const float shares[3] = {share, 1 / (float)others->num, sqrtf(share)};

    differ(work->template, own->values, others->values, work->noise,
           work->count, shares);
    work->size =
        lanes_sum(work->template, work->template, work->count, lanes_product);
}

/* The sum of a template times a photo's values: in lanes, which the compiler
 * turns into vectors. count is a multiple of LANES. */
static float multiply(const float *restrict template,
                      const int8_t *restrict values, size_t count)
{
    enum { LANES = 16 };
    float lanes[LANES] = {0}, sum = 0;

    for (size_t i = 0; i < count; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lanes[k] += template[i + k] * (float)values[i + k];
    for (size_t k = 0; k < LANES; k++)
        sum += lanes[k];
    return sum;
}

static float square(const int8_t *values, size_t count)
{
    int32_t sum = 0; /* at most 24,576 x 127^2 */

    for (size_t i = 0; i < count; i++)
        sum += values[i] * values[i];
    return (float)sum;
}

/* The cosine of a photo and the template; 0 if either is empty. */
static float score(const struct work *work, const int8_t *values)
{
    const float size = work->size * square(values, work->count);

    return size > 0
               ? multiply(work->template, values, work->count) / sqrtf(size)
               : 0;
}

static void sum_up(struct sum *sum, struct work *work,
                   const int8_t *const *photos, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        add(sum->values, photos[i] + work->offset, work->count, 1);
        add_squares(work->noise, photos[i] + work->offset, work->count);
    }
    sum->num = num;
}

static void prepare(struct work *work, const struct marks_photos *photos)
{
    const size_t total = photos->num_own + photos->num_others;

    sum_up(&work->own, work, photos->own, photos->num_own);
    sum_up(&work->others, work, photos->others, photos->num_others);
    for (size_t i = 0; i < work->count; i++)
        work->noise[i] =
            noise_deviations * sqrtf(work->noise[i] / (float)total);
}

/* Begins with a whole sum, to take photos away. */
static void begin_rest(struct work *work, const struct sum *whole)
{
    memcpy(work->rest.values, whole->values,
           work->count * sizeof *whole->values);
    work->rest.num = whole->num;
}

static void take_away(struct work *work, const int8_t *photo)
{
    add(work->rest.values, photo + work->offset, work->count, -1);
    work->rest.num--;
}

/* Scores photo i of the class by a template of the photos that are not of its
 * group; 0 if there is none. */
static float score_own(struct work *work, const struct marks_photos *photos,
                       size_t i)
{
    begin_rest(work, &work->own);
    for (size_t k = 0; k < photos->num_own; k++)
        if (photos->groups[k] == photos->groups[i])
            take_away(work, photos->own[k]);
    if (work->rest.num == 0)
        return 0;
    make_template(work, &work->rest, &work->others);
    return score(work, photos->own[i] + work->offset);
}

/* Scores another photo by a template of all but it: with it, it would score
 * less than a photo of the class without a mark does. */
static float score_other(struct work *work, const struct marks_photos *photos,
                         size_t i)
{
    begin_rest(work, &work->others);
    take_away(work, photos->others[i]);
    make_template(work, &work->own, &work->rest);
    return score(work, photos->others[i] + work->offset);
}

static int compare(const void *a, const void *b)
{
    const float *x = a, *y = b;

    return *x < *y ? 1 : *x > *y ? -1 : 0;
}

/* The largest score that is reached by so many photos; sorts the scores. */
static double reached_by(float *scores, size_t count, size_t by)
{
    qsort(scores, count, sizeof *scores, compare);
    return (double)scores[by - 1];
}

/* sorted  scratch  (the greater of num_own and num_others) */
static void score_all(struct marks_found *found, float *scores, float *sorted,
                      struct work *work, const struct marks_photos *photos)
{
    size_t quarter = (photos->num_own + 3) / 4;

    prepare(work, photos);
    for (size_t i = 0; i < photos->num_own; i++)
        scores[i] = sorted[i] = score_own(work, photos, i);
    found->quarter = reached_by(sorted, photos->num_own,
                                quarter > MIN_QUARTER ? quarter : MIN_QUARTER);
    for (size_t i = 0; i < photos->num_others; i++)
        sorted[i] = score_other(work, photos, i);
    found->usual =
        reached_by(sorted, photos->num_others, photos->num_others / 50 + 1);
}

bool marks_score(struct marks_found *found, float *scores,
                 const struct marks_photos *photos, enum marks_place place,
                 struct error *err)
{
    const size_t count = num_values(place);
    float *values = calloc(5 * count + photos->num_own + photos->num_others,
                           sizeof *values);
    struct work work = {
        .offset = offset_of(place),
        .count = count,
        .own = {.values = values},
        .others = {.values = values + count},
        .rest = {.values = values + 2 * count},
        .noise = values + 3 * count,
        .template = values + 4 * count,
    };

    if (!values)
        return fail(err, ERROR_MEMORY, "not enough memory for marks");
    score_all(found, scores, values + 5 * count, &work, photos);
    free(values);
    return true;
}
