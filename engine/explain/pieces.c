/* Connected components without labels for cells.
 *
 * A row is cut into runs of cells above the cut. Two runs of neighbouring rows
 * are one component where they touch, corners included; a union-find over the
 * components of two rows merges them. A component that has no run in the row
 * just read can grow no more and is handed over, so memory is bounded by the
 * width of a row. */
#include "engine/explain/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"
#include "engine/base/wide.h"

/* A run of cells in one row, and the component it belongs to. */
struct run {
    uint32_t first, last; /* columns, inclusive */
    uint32_t component;
};

struct component {
    struct piece piece;
    uint32_t parent;  /* itself where it is a root */
    uint32_t renamed; /* its number in the next row, or NONE */
};

static const uint32_t NONE = UINT32_MAX;

/* The parts of the scratch memory, for rows of at most `max_runs` runs. */
struct finder {
    struct run *runs, *above;               /* (max_runs) */
    struct component *components, *carried; /* (2 max_runs) */
    uint8_t *mask;                          /* (width) 1 above the cut */
    size_t num_runs, num_above, num_components;
    const struct pieces_options *options;
};

/* Lays out the parts in scratch memory. width is at most UINT32_MAX, so nothing
 * overflows with 64 bits. */
static bool finder_init(struct finder *finder, struct pieces_scratch *scratch,
                        size_t width, struct error *err)
{
    uint64_t max_runs = (uint64_t)width / 2 + 1;
    uint64_t len = 4 * max_runs * sizeof(struct component) +
                   2 * max_runs * sizeof(struct run) + width;
    uint8_t *at;

    if (len > SIZE_MAX)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for a row of %zu cells", width);
    scratch->rows =
        scratch_reserve(scratch->rows, &scratch->cap, (size_t)len, 1, err);
    if (!scratch->rows)
        return false;
    *finder = (struct finder){0};
    finder->components = scratch->rows;
    finder->carried = finder->components + 2 * max_runs;
    finder->runs = (struct run *)(void *)(finder->carried + 2 * max_runs);
    finder->above = finder->runs + max_runs;
    at = (uint8_t *)(finder->above + max_runs);
    finder->mask = at;
    return true;
}

WIDE_BODY(mark)
(uint8_t *restrict mask, const float *restrict row, size_t width, float cut)
{
    for (size_t x = 0; x < width; x++)
        mask[x] = row[x] > cut;
}
WIDE(mark,
     (uint8_t *restrict mask, const float *restrict row, size_t width,
      float cut),
     (mask, row, width, cut))

/* Splits a row into finder->runs, without assigning components. */
static void row_to_runs(struct finder *finder, const float *restrict row,
                        size_t width, float cut)
{
    uint8_t *restrict mask = finder->mask;
    const uint8_t *end = mask + width;
    const uint8_t *at = mask;

    mark(mask, row, width, cut);
    finder->num_runs = 0;
    while (at < end && (at = memchr(at, 1, (size_t)(end - at)))) {
        const uint8_t *stop = memchr(at, 0, (size_t)(end - at));

        if (!stop)
            stop = end;
        finder->runs[finder->num_runs++] =
            (struct run){.first = (uint32_t)(at - mask),
                         .last = (uint32_t)(stop - mask) - 1,
                         .component = NONE};
        at = stop;
    }
}

static uint32_t root_of(struct component *components, uint32_t at)
{
    while (components[at].parent != at) {
        components[at].parent = components[components[at].parent].parent;
        at = components[at].parent;
    }
    return at;
}

/* Adds `from` to `into`. */
static void absorb(struct piece *into, const struct piece *from)
{
    into->area += from->area;
    into->mass += from->mass;
    if (from->start < into->start)
        into->start = from->start;
    if (from->left < into->left)
        into->left = from->left;
    if (from->right > into->right)
        into->right = from->right;
    if (from->top < into->top)
        into->top = from->top;
    if (from->bottom > into->bottom)
        into->bottom = from->bottom;
}

/* Merges two components; the larger one remains the root, which keeps trees
 * flat. */
static uint32_t merge(struct component *components, uint32_t a, uint32_t b)
{
    a = root_of(components, a);
    b = root_of(components, b);
    if (a == b)
        return a;
    if (components[a].piece.area < components[b].piece.area) {
        uint32_t larger = b;

        b = a;
        a = larger;
    }
    absorb(&components[a].piece, &components[b].piece);
    components[b].parent = a;
    return a;
}

static double mass_of(const float *row, const struct run *run)
{
    double mass = 0;

    for (size_t x = run->first; x <= run->last; x++)
        mass += (double)row[x];
    return mass;
}

/* Makes a component of one run of row y. */
static uint32_t component_new(struct finder *finder, const struct run *run,
                              const float *row, uint32_t y, size_t width)
{
    uint32_t at = (uint32_t)finder->num_components++;

    finder->components[at] = (struct component){
        .piece = {.start = (uint64_t)y * width + run->first,
                  .area = (uint64_t)run->last - run->first + 1,
                  .mass = finder->options->weigh ? mass_of(row, run) : 0,
                  .left = run->first,
                  .right = run->last,
                  .top = y,
                  .bottom = y},
        .parent = at,
        .renamed = NONE,
    };
    return at;
}

/* Gives every run of row y a component, merged with those it touches above.
 * Both rows are walked once: a run that ends left of one run is also left of
 * the next. */
static void join_runs(struct finder *finder, const float *row, uint32_t y,
                      size_t width)
{
    const uint64_t reach = finder->options->by_sides ? 0 : 1;
    size_t a = 0;

    for (size_t i = 0; i < finder->num_runs; i++) {
        struct run *run = &finder->runs[i];
        uint32_t at = component_new(finder, run, row, y, width);

        while (a < finder->num_above &&
               finder->above[a].last + reach < run->first)
            a++;
        for (size_t j = a; j < finder->num_above &&
                           finder->above[j].first <= run->last + reach;
             j++)
            at = merge(finder->components, at, finder->above[j].component);
        run->component = at;
    }
}

/* Ends row y: renumbers its components from 0 and makes its runs the row above;
 * components without a run in it are complete. */
static void end_row(struct finder *finder)
{
    struct component *done = finder->components;
    struct run *runs = finder->runs;
    uint32_t kept = 0;

    for (size_t i = 0; i < finder->num_runs; i++) {
        uint32_t root = root_of(done, runs[i].component);

        if (done[root].renamed == NONE) {
            done[root].renamed = kept;
            finder->carried[kept] = done[root];
            finder->carried[kept].parent = kept;
            finder->carried[kept].renamed = NONE;
            kept++;
        }
        runs[i].component = done[root].renamed;
    }
    for (size_t i = 0; i < finder->num_components; i++)
        if (done[i].parent == i && done[i].renamed == NONE)
            finder->options->take(finder->options->data, &done[i].piece);
    finder->components = finder->carried;
    finder->carried = done;
    finder->num_components = kept;
    finder->runs = finder->above;
    finder->above = runs;
    finder->num_above = finder->num_runs;
}

bool pieces_find(struct pieces_scratch *scratch, const float *map,
                 size_t height, size_t width,
                 const struct pieces_options *options, struct error *err)
{
    struct finder finder;

    if (!finder_init(&finder, scratch, width, err))
        return false;
    finder.options = options;
    for (size_t y = 0; y < height; y++) {
        const float *row = map + y * width;

        row_to_runs(&finder, row, width, options->cut);
        join_runs(&finder, row, (uint32_t)y, width);
        end_row(&finder);
    }
    finder.num_runs = 0;
    end_row(&finder);
    return true;
}

void pieces_scratch_release(struct pieces_scratch *scratch)
{
    free(scratch->rows);
    *scratch = (struct pieces_scratch){0};
}
