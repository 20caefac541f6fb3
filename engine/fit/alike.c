#include "engine/fit/alike.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/team.h"
#include "engine/base/wide.h"
#include "engine/evaluate/workers.h"
#include "engine/explain/random.h"

enum { SUMS = 64, COLUMNS = 9, ROWS = 8, LANES = 8 };

/* What makes photos alike: a cosine of at least so much, and at most so many
 * bits. The least cosine is first. */
struct rule {
    float cosine;
    unsigned bits;
};

static const struct rule rules[] = {{0.85f, 8}, {0.9f, 16}};

enum { NUM_RULES = sizeof rules / sizeof rules[0] };

/* What a cosine of sums may be below the true one. */
#define SLACK 0.1f

typedef float lanes __attribute__((vector_size(32), aligned(4), may_alias));

/* Pairs that a thread has found. */
struct found {
    struct alike_pair *pairs; /* (count) owned */
    size_t count, cap;
    bool is_short; /* of memory */
};

struct comparison {
    const struct alike_photos *photos;
    float *sums;  /* (count, SUMS) of length 1, or zeros; owned */
    float *norms; /* (count) of the features; owned */
    size_t num_threads;
    struct found found[TEAM_MAX_THREADS];
};

/* ---- the hash ---- */

static double cell_of(const float *pixels, size_t width, size_t channels,
                      size_t x0, size_t x1, size_t y0, size_t y1)
{
    double sum = 0;

    for (size_t y = y0; y < y1; y++)
        for (size_t i = x0 * channels; i < x1 * channels; i++)
            sum += (double)pixels[y * width * channels + i];
    return sum / (double)((y1 - y0) * (x1 - x0));
}

/* Where cell i of `cells` begins; a side of fewer pixels repeats some. */
static size_t edge(size_t i, size_t cells, size_t side)
{
    return i * side / cells;
}

static size_t end_of(size_t i, size_t cells, size_t side)
{
    const size_t begin = edge(i, cells, side), end = edge(i + 1, cells, side);

    return end > begin ? end : begin + 1;
}

uint64_t alike_hash(const float *pixels, size_t height, size_t width,
                    size_t channels)
{
    uint64_t hash = 0;

    for (size_t row = 0; row < ROWS; row++) {
        const size_t y0 = edge(row, ROWS, height);
        const size_t y1 = end_of(row, ROWS, height);
        double left = 0;

        for (size_t column = 0; column < COLUMNS; column++) {
            const double cell =
                cell_of(pixels, width, channels, edge(column, COLUMNS, width),
                        end_of(column, COLUMNS, width), y0, y1);

            if (column > 0)
                hash = hash << 1 | (cell > left);
            left = cell;
        }
    }
    return hash;
}

/* ---- sums with random signs ---- */

WIDE_BODY(add_signed)
(float *sums, const float *row, const uint64_t *signs, size_t size)
{
    for (size_t d = 0; d < size; d++)
        for (size_t s = 0; s < SUMS; s++)
            sums[s] += signs[d] >> s & 1 ? row[d] : -row[d];
}
WIDE(add_signed,
     (float *sums, const float *row, const uint64_t *signs, size_t size),
     (sums, row, signs, size))

/* 64 random bits. */
static uint64_t draw(uint64_t number)
{
    const uint64_t high = (uint64_t)(random_uniform(0, 2 * number) * 0x1p32);
    const uint64_t low = (uint64_t)(random_uniform(0, 2 * number + 1) * 0x1p32);

    return high << 32 | low;
}

static float length_of(const float *values, size_t size)
{
    double squares = 0;

    for (size_t i = 0; i < size; i++)
        squares += (double)values[i] * (double)values[i];
    return (float)sqrt(squares);
}

static bool sum_up(struct comparison *comparison, struct error *err)
{
    const struct alike_photos *photos = comparison->photos;
    uint64_t *signs = malloc((photos->size + 1) * sizeof *signs);

    comparison->sums = calloc(photos->count * SUMS + 1, sizeof(float));
    comparison->norms = calloc(photos->count + 1, sizeof(float));
    if (!signs || !comparison->sums || !comparison->norms) {
        free(signs);
        return fail(err, ERROR_MEMORY, "not enough memory to compare photos");
    }
    for (size_t d = 0; d < photos->size; d++)
        signs[d] = draw(d);
    for (size_t i = 0; i < photos->count; i++) {
        const float *row = photos->features + i * photos->stride;
        float *sums = comparison->sums + i * SUMS, length;

        comparison->norms[i] = length_of(row, photos->size);
        add_signed(sums, row, signs, photos->size);
        length = length_of(sums, SUMS);
        for (size_t s = 0; s < SUMS && length > 0; s++)
            sums[s] /= length;
    }
    free(signs);
    return true;
}

/* ---- pairs ---- */

static struct rule rule_of(const struct alike_photos *photos, size_t i)
{
    struct rule rule = rules[i];

    for (unsigned level = 0; level < photos->level; level++) {
        rule.cosine = 1 - (1 - rule.cosine) / 4;
        rule.bits /= 2;
    }
    return rule;
}

WIDE_BODY(multiply)(float *product, const float *a, const float *b, size_t size)
{
    lanes sums = {0};

    *product = 0;
    for (size_t d = 0; d < size; d += LANES)
        sums += *(const lanes *)(a + d) * *(const lanes *)(b + d);
    for (int lane = 0; lane < LANES; lane++)
        *product += sums[lane];
}
WIDE(multiply, (float *product, const float *a, const float *b, size_t size),
     (product, a, b, size))

/* The photos after `a` whose sums are as near to its own as those of photos
 * that are alike.
 *
 *     near  out  (count) whether */
WIDE_BODY(find_near)(bool *near, const float *all, size_t a, size_t count)
{
    const float *own = all + a * SUMS;

    for (size_t b = a + 1; b < count; b++) {
        const float *other = all + b * SUMS;
        lanes sums = {0};
        float product = 0;

        for (size_t s = 0; s < SUMS; s += LANES)
            sums += *(const lanes *)(own + s) * *(const lanes *)(other + s);
        for (int lane = 0; lane < LANES; lane++)
            product += sums[lane];
        near[b] = product >= rules[0].cosine - SLACK;
    }
}
WIDE(find_near, (bool *near, const float *all, size_t a, size_t count),
     (near, all, a, count))

static void keep(struct found *found, const struct alike_pair *pair)
{
    if (found->count == found->cap) {
        const size_t cap = found->cap > 0 ? 2 * found->cap : 256;
        struct alike_pair *grown =
            realloc(found->pairs, cap * sizeof *found->pairs);

        if (!grown) {
            found->is_short = true;
            return;
        }
        found->pairs = grown;
        found->cap = cap;
    }
    found->pairs[found->count++] = *pair;
}

static void compare(struct found *found, const struct comparison *comparison,
                    size_t a, size_t b)
{
    const struct alike_photos *photos = comparison->photos;
    const float norms = comparison->norms[a] * comparison->norms[b];
    struct alike_pair pair = {.a = (uint32_t)a, .b = (uint32_t)b};
    float product;

    multiply(&product, photos->features + a * photos->stride,
             photos->features + b * photos->stride, photos->stride);
    pair.cosine = product / norms;
    pair.bits =
        (unsigned)__builtin_popcountll(photos->hashes[a] ^ photos->hashes[b]);
    for (size_t i = 0; i < NUM_RULES; i++) {
        const struct rule rule = rule_of(photos, i);

        if (pair.cosine >= rule.cosine && pair.bits <= rule.bits) {
            keep(found, &pair);
            return;
        }
    }
}

/* Compares every num_threads-th photo with those after it. */
static void work(void *user, size_t number)
{
    struct comparison *comparison = user;
    const size_t count = comparison->photos->count;
    struct found *found = &comparison->found[number];
    bool *near = calloc(count + 1, sizeof *near);

    found->is_short = !near;
    for (size_t a = number; a < count && !found->is_short;
         a += comparison->num_threads) {
        find_near(near, comparison->sums, a, count);
        for (size_t b = a + 1; b < count; b++)
            if (near[b])
                compare(found, comparison, a, b);
    }
    free(near);
}

static int by_photos(const void *a, const void *b)
{
    const struct alike_pair *one = a, *other = b;

    if (one->a != other->a)
        return one->a < other->a ? -1 : 1;
    return (one->b > other->b) - (one->b < other->b);
}

/* ---- groups ---- */

static uint32_t root_of(uint32_t *parents, uint32_t photo)
{
    while (parents[photo] != photo) {
        parents[photo] = parents[parents[photo]];
        photo = parents[photo];
    }
    return photo;
}

/* Makes groups of pairs. The root of each is its first photo, whose place is
 * before that of the others. */
static void join(struct alike *alike, size_t count)
{
    uint32_t *parents = alike->groups;

    for (size_t i = 0; i < count; i++)
        parents[i] = (uint32_t)i;
    for (size_t i = 0; i < alike->num_pairs; i++) {
        uint32_t a = root_of(parents, alike->pairs[i].a);
        uint32_t b = root_of(parents, alike->pairs[i].b);

        parents[a > b ? a : b] = a < b ? a : b;
    }
    for (size_t i = 0; i < count; i++)
        parents[i] = root_of(parents, (uint32_t)i);
    for (size_t i = 0; i < count; i++)
        parents[i] = parents[i] == i ? (uint32_t)alike->num_groups++
                                     : parents[parents[i]];
}

static bool gather(struct alike *alike, const struct comparison *comparison,
                   struct error *err)
{
    const size_t count = comparison->photos->count;
    size_t total = 0;
    bool is_short = false;

    for (size_t i = 0; i < comparison->num_threads; i++) {
        total += comparison->found[i].count;
        is_short |= comparison->found[i].is_short;
    }
    alike->pairs = malloc((total + 1) * sizeof *alike->pairs);
    alike->groups = malloc((count + 1) * sizeof *alike->groups);
    if (is_short || !alike->pairs || !alike->groups)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for photos that are alike");
    for (size_t i = 0; i < comparison->num_threads; i++) {
        const struct found *found = &comparison->found[i];

        if (found->count > 0)
            memcpy(alike->pairs + alike->num_pairs, found->pairs,
                   found->count * sizeof *found->pairs);
        alike->num_pairs += found->count;
    }
    qsort(alike->pairs, alike->num_pairs, sizeof *alike->pairs, by_photos);
    join(alike, count);
    return true;
}

bool alike_find(struct alike *alike, const struct alike_photos *photos,
                unsigned num_threads, struct error *err)
{
    struct comparison *comparison = calloc(1, sizeof *comparison);
    bool ok;

    *alike = (struct alike){0};
    if (!comparison)
        return fail(err, ERROR_MEMORY, "not enough memory to compare photos");
    comparison->photos = photos;
    comparison->num_threads = num_threads;
    ok = sum_up(comparison, err) &&
         workers_run(num_threads, work, comparison, err) &&
         gather(alike, comparison, err);
    for (size_t i = 0; i < num_threads; i++)
        free(comparison->found[i].pairs);
    free(comparison->sums);
    free(comparison->norms);
    free(comparison);
    if (!ok)
        alike_release(alike);
    return ok;
}

void alike_release(struct alike *alike)
{
    free(alike->pairs);
    free(alike->groups);
    *alike = (struct alike){0};
}
