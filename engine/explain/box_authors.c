/* Distances are squared: they are whole numbers, and exact in floats on maps of
 * up to 2896 cells a side. */
#include "engine/explain/box_authors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"

enum { NUM_LEVELS = 3, MARGIN = 5 };

static const float levels[NUM_LEVELS] = {20, 100, 110};
static const double KEPT = 10.5 / 255; /* what is rounded to more than 10 */

struct rect {
    int64_t x, y, width, height;
    float level;
};

/* The boxes of all masks, the largest first. */
struct pool {
    struct rect rects[BOX_AUTHORS_POOL];
    size_t count;
    int64_t width, height; /* of the map */
    float level;           /* of the mask that is looked at */
    bool is_hole;
};

/* Memory for the rows of one map; all of (max(height, width)) or one more. */
struct lines {
    double *f;      /* squared distances along the other axis */
    double *starts; /* where the parabolas of the envelope start */
    size_t *roots;  /* and their roots */
};

/* ---- masks ---- */

static int64_t area_of(const struct rect *rect)
{
    return rect->width * rect->height;
}

/* Cells of the mask have the distance to the nearest other cell in their
 * column, others 0. Returns whether there are others. */
static bool measure_columns(float *grid, const float *map, size_t height,
                            size_t width, float max, float level)
{
    const float scale = 255 / max;
    bool has_others = false;

    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            size_t at = y * width + x;
            bool is_in = map[at] * scale >= level + 0.5f;

            has_others |= !is_in;
            grid[at] = !is_in ? 0 : y > 0 ? grid[at - width] + 1 : INFINITY;
        }
    for (size_t y = height - 1; y-- > 0;)
        for (size_t at = y * width; at < (y + 1) * width; at++)
            grid[at] = fminf(grid[at], grid[at + width] + 1);
    return has_others;
}

/* Turns the distances in a row's columns into squared distances in the plane:
 * the lower envelope of a parabola for each column (Felzenszwalb and
 * Huttenlocher 2012, algorithm 1). Returns the largest. */
static float measure_row(float *row, size_t width, const struct lines *lines)
{
    const double *f = lines->f;
    double *starts = lines->starts;
    size_t *roots = lines->roots;
    size_t num = 0, k = 0;
    float most = 0;

    for (size_t q = 0; q < width; q++) {
        double start = -INFINITY;

        lines->f[q] = (double)row[q] * (double)row[q];
        if (isinf(f[q]))
            continue;
        while (num > 0) {
            size_t r = roots[num - 1];
            double between = (double)q + (double)r;

            start = (f[q] - f[r]) / (2 * ((double)q - (double)r)) + between / 2;
            if (start > starts[num - 1])
                break;
            num--;
            start = -INFINITY;
        }
        roots[num] = q;
        starts[num++] = start;
    }
    for (size_t q = 0; num > 0 && q < width; q++) {
        double away;

        while (k + 1 < num && starts[k + 1] < (double)q)
            k++;
        away = (double)q - (double)roots[k];
        row[q] = (float)(away * away + f[roots[k]]);
        most = fmaxf(most, row[q]);
    }
    return most;
}

/* ---- boxes ---- */

static int64_t limited(int64_t value, int64_t most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

/* Adds the box of a piece to the pool, behind those that are as large. */
static void add(void *data, const struct piece *piece)
{
    struct pool *pool = data;
    const int64_t wider = pool->is_hole ? 1 : 0;
    const int64_t x = (int64_t)piece->left - wider;
    const int64_t y = (int64_t)piece->top - wider;
    const struct rect rect = {
        .x = limited(x, pool->width - MARGIN),
        .y = limited(y, pool->height - MARGIN),
        .width = limited(piece->right - piece->left + 1 + 2 * wider,
                         pool->width - MARGIN - x),
        .height = limited(piece->bottom - piece->top + 1 + 2 * wider,
                          pool->height - MARGIN - y),
        .level = pool->level,
    };
    size_t at = pool->count;

    if (pool->is_hole &&
        (piece->left == 0 || piece->top == 0 ||
         piece->right + 1 == pool->width || piece->bottom + 1 == pool->height))
        return;
    if (rect.width <= 0 || rect.height <= 0 || rect.x < 0 || rect.y < 0)
        return;
    while (at > 0 && area_of(&rect) > area_of(&pool->rects[at - 1]))
        at--;
    if (at == BOX_AUTHORS_POOL)
        return;
    pool->count += pool->count < BOX_AUTHORS_POOL;
    memmove(&pool->rects[at + 1], &pool->rects[at],
            (pool->count - 1 - at) * sizeof rect);
    pool->rects[at] = rect;
}

/* Adds the boxes of one mask. */
static bool add_mask(struct pool *pool, struct box_scratch *scratch,
                     const float *map, size_t height, size_t width, float max,
                     const struct lines *lines, struct error *err)
{
    float *grid = scratch->grid;
    float most = 0, cut = 0;
    struct pieces_options options = {.take = add, .data = pool};

    if (measure_columns(grid, map, height, width, max, pool->level)) {
        for (size_t y = 0; y < height; y++)
            most = fmaxf(most, measure_row(grid + y * width, width, lines));
        /* between two whole numbers, so that no distance is equal to it */
        cut = (float)(ceil(KEPT * KEPT * (double)most) - 0.5);
    }
    options.cut = cut;
    pool->is_hole = false;
    if (!pieces_find(&scratch->pieces, grid, height, width, &options, err))
        return false;
    for (size_t i = 0; i < height * width; i++)
        grid[i] = -grid[i];
    options.cut = -cut;
    options.by_sides = true;
    pool->is_hole = true;
    return pieces_find(&scratch->pieces, grid, height, width, &options, err);
}

static bool overlap(const struct rect *a, const struct rect *b)
{
    int64_t right =
        a->x + a->width < b->x + b->width ? a->x + a->width : b->x + b->width;
    int64_t bottom = a->y + a->height < b->y + b->height ? a->y + a->height
                                                         : b->y + b->height;
    int64_t width = right - (a->x > b->x ? a->x : b->x);
    int64_t height = bottom - (a->y > b->y ? a->y : b->y);
    int64_t larger = area_of(a) > area_of(b) ? area_of(a) : area_of(b);

    return width > 0 && height > 0 && width * height > larger / 2;
}

static void remove_overlapping(struct pool *pool)
{
    for (size_t i = 0; i < pool->count; i++)
        for (size_t j = i + 1; j < pool->count; j++)
            if (overlap(&pool->rects[i], &pool->rects[j])) {
                pool->count--;
                memmove(&pool->rects[j], &pool->rects[j + 1],
                        (pool->count - j) * sizeof pool->rects[0]);
            }
}

static double sum_within(const float *map, size_t width, const struct box *box)
{
    double sum = 0;

    for (size_t y = box->y; y < (size_t)box->y + box->height; y++)
        for (size_t x = box->x; x < (size_t)box->x + box->width; x++)
            sum += map[y * width + x] > 0 ? (double)map[y * width + x] : 0;
    return sum;
}

/* Lists the first boxes of the pool. */
static void list(struct box_found *found, const struct pool *pool,
                 const float *map, size_t most)
{
    const struct box all = {.width = (uint32_t)pool->width,
                            .height = (uint32_t)pool->height};
    const size_t width = (size_t)pool->width;
    const double total = most > 1 ? sum_within(map, width, &all) : 0;

    for (size_t i = 0; i < pool->count && i < most; i++) {
        const struct rect *rect = &pool->rects[i];
        struct box *box = &found->list[found->count++];

        *box = (struct box){
            .x = (uint32_t)rect->x,
            .y = (uint32_t)rect->y,
            .width = (uint32_t)rect->width,
            .height = (uint32_t)rect->height,
            .threshold = rect->level / 255,
        };
        if (total > 0)
            box->share = (float)(sum_within(map, width, box) / total);
    }
    if (found->count > 0)
        found->box = found->list[0];
}

static bool reserve(struct lines *lines, struct box_scratch *scratch,
                    size_t height, size_t width, struct error *err)
{
    scratch->grid = scratch_reserve(scratch->grid, &scratch->grid_cap,
                                    height * width, sizeof(float), err);
    lines->f = malloc(width * sizeof *lines->f);
    lines->starts = malloc(width * sizeof *lines->starts);
    lines->roots = malloc(width * sizeof *lines->roots);
    return scratch->grid &&
           ((lines->f && lines->starts && lines->roots) ||
            fail(err, ERROR_MEMORY, "not enough memory for a row of %zu cells",
                 width));
}

bool box_authors_find(struct box_found *found, struct box_scratch *scratch,
                      const float *map, size_t height, size_t width, float max,
                      const struct box_options *options, struct error *err)
{
    struct pool pool = {.width = (int64_t)width, .height = (int64_t)height};
    struct lines lines = {0};
    bool ok = reserve(&lines, scratch, height, width, err);

    for (size_t i = 0; i < NUM_LEVELS && ok; i++) {
        pool.level = levels[i];
        ok = add_mask(&pool, scratch, map, height, width, max, &lines, err);
    }
    if (ok) {
        remove_overlapping(&pool);
        list(found, &pool, map, box_most(options));
    }
    free(lines.f);
    free(lines.starts);
    free(lines.roots);
    return ok;
}
