#include "engine/fit/evidence_maps.h"

#include <math.h>
#include <stdlib.h>

#include "engine/base/team.h"
#include "engine/evaluate/workers.h"
#include "engine/explain/cam.h"

/* ---- places of the map ---- */

/* A map's cells, and how many rows and columns its border has. */
struct grid {
    size_t height, width, rows, columns;
};

static size_t seventh(size_t side)
{
    size_t depth = (2 * side + 7) / 14;

    return depth > 0 ? depth : 1;
}

static struct grid grid_of(const struct fit *fit)
{
    return (struct grid){fit->map_height, fit->map_width,
                         seventh(fit->map_height), seventh(fit->map_width)};
}

static bool in_corner(const struct grid *grid, size_t y, size_t x,
                      bool is_bottom, bool is_right)
{
    const size_t rows = 2 * grid->rows, columns = 2 * grid->columns;

    return (is_bottom ? y + rows >= grid->height : y < rows) &&
           (is_right ? x + columns >= grid->width : x < columns);
}

/* In which of the rings, as wide as the border, a cell is; 0: the border. */
static size_t ring(const struct grid *grid, size_t y, size_t x)
{
    const size_t down = (y < grid->height - 1 - y ? y : grid->height - 1 - y);
    const size_t across = (x < grid->width - 1 - x ? x : grid->width - 1 - x);
    const size_t a = down / grid->rows, b = across / grid->columns;

    return a < b ? a : b;
}

/* How many widths of the border a cell is from an edge. */
static size_t from_edge(const struct grid *grid, size_t y, size_t x,
                        size_t place)
{
    switch (place) {
    case MARKS_TOP:
        return y / grid->rows;
    case MARKS_BOTTOM:
        return (grid->height - 1 - y) / grid->rows;
    case MARKS_LEFT:
        return x / grid->columns;
    default:
        return (grid->width - 1 - x) / grid->columns;
    }
}

/* 1 for a cell of the place, -1 for one of its counterpart, else 0. */
static int side_of(const struct grid *grid, size_t place, size_t y, size_t x)
{
    size_t distance;

    if (place < MARKS_NUM_CORNERS) {
        bool is_bottom = place / 2 == 1, is_right = place % 2 == 1;
        bool is_own = in_corner(grid, y, x, is_bottom, is_right);
        bool is_other = in_corner(grid, y, x, is_bottom, !is_right);

        return is_own - is_other;
    }
    distance = place == EVIDENCE_BORDER ? ring(grid, y, x)
                                        : from_edge(grid, y, x, place);
    return distance == 0 ? 1 : distance == 1 ? -1 : 0;
}

/* What a cell's evidence counts for what places add.
 *
 * weights  out  (EVIDENCE_NUM_PLACES, height, width) */
static void weigh_places(float *weights, const struct grid *grid)
{
    const size_t cells = grid->height * grid->width;

    for (size_t place = 0; place < EVIDENCE_NUM_PLACES; place++) {
        float *of = weights + place * cells;
        size_t own = 0, other = 0;

        for (size_t i = 0; i < cells; i++) {
            int side = side_of(grid, place, i / grid->width, i % grid->width);

            own += side > 0;
            other += side < 0;
            of[i] = (float)side / (float)cells;
        }
        for (size_t i = 0; i < cells; i++)
            if (of[i] < 0)
                of[i] *= (float)own / (float)other;
    }
}

/* The shares of cells that are not negative. */
static void find_shares(struct evidence_shares *shares, const double *cells,
                        const struct grid *grid)
{
    double sum = 0;

    *shares = (struct evidence_shares){0};
    for (size_t y = 0; y < grid->height; y++)
        for (size_t x = 0; x < grid->width; x++) {
            const double value = cells[y * grid->width + x];
            const double up = (double)(2 * y + 1) / (double)grid->height - 1;
            const double left = (double)(2 * x + 1) / (double)grid->width - 1;

            sum += value;
            shares->border += ring(grid, y, x) == 0 ? value : 0;
            shares->outside_centre +=
                fabs(up) > 0.5 || fabs(left) > 0.5 ? value : 0;
            for (size_t i = 0; i < MARKS_NUM_CORNERS; i++)
                shares->corners[i] +=
                    in_corner(grid, y, x, i / 2 == 1, i % 2 == 1) ? value : 0;
        }
    for (size_t i = 0; i < MARKS_NUM_CORNERS; i++)
        shares->corners[i] /= sum;
    shares->border /= sum;
    shares->outside_centre /= sum;
}

/* ---- the maps ---- */

/* What a thread has for itself; owned. */
struct worker {
    float *features; /* (map_height, map_width, num_features) */
    float *weights;  /* (num_features) of a class against the others */
    float *map;      /* (map_height, map_width) */
};

struct reading {
    const struct fit *fit;
    const struct sample *sample;
    const struct fit_options *options;
    struct grid grid;
    size_t num_cells;
    float *adds;          /* (photos of the sample, EVIDENCE_NUM_PLACES) */
    float *place_weights; /* (EVIDENCE_NUM_PLACES, num_cells) owned */
    double *sums;         /* (num_features) of all classes' weights; owned */
    struct evidence *evidence;
    struct worker workers[TEAM_MAX_THREADS];
};

static void weigh_class(float *weights, const struct reading *reading, size_t k)
{
    const struct fit *fit = reading->fit;
    const float *own = fit->weights + k * fit->num_features;

    for (size_t i = 0; i < fit->num_features; i++)
        weights[i] = (float)(own[i] - (reading->sums[i] - own[i]) /
                                          (double)(fit->num_classes - 1));
}

/* Reads a photo's map, and adds it to its class's: the evidence of either sign
 * to `mean`, the positive to `positive`. */
static bool read_photo(const struct reading *reading, struct worker *worker,
                       double *mean, double *positive, size_t index,
                       struct error *err)
{
    const struct fit *fit = reading->fit;
    float *adds = reading->adds + index * EVIDENCE_NUM_PLACES;

    if (!fit_read_map(fit, worker->features, reading->sample->photos[index],
                      err))
        return false;
    cam_weigh(worker->map, worker->features, worker->weights, fit->map_height,
              fit->map_width, fit->num_features);
    for (size_t i = 0; i < reading->num_cells; i++) {
        mean[i] += worker->map[i];
        positive[i] += worker->map[i] > 0 ? worker->map[i] : 0;
    }
    for (size_t p = 0; p < EVIDENCE_NUM_PLACES; p++) {
        const float *weights = reading->place_weights + p * reading->num_cells;

        adds[p] = 0;
        for (size_t i = 0; i < reading->num_cells; i++)
            adds[p] += weights[i] * worker->map[i];
    }
    return true;
}

/* Sums up a class's maps. Returns how many could be read, or SIZE_MAX. */
static size_t read_photos(const struct reading *reading, struct worker *worker,
                          double *mean, double *positive, size_t k,
                          struct error *err)
{
    const size_t *firsts = reading->sample->firsts;
    size_t num_read = 0;

    for (size_t i = firsts[k]; i < firsts[k + 1]; i++) {
        struct error why = {0};

        if (!cancel_check(reading->options->cancel, err))
            return SIZE_MAX;
        if (read_photo(reading, worker, mean, positive, i, &why)) {
            num_read++;
            continue;
        }
        for (size_t p = 0; p < EVIDENCE_NUM_PLACES; p++)
            reading->adds[i * EVIDENCE_NUM_PLACES + p] = NAN;
        if (why.kind == ERROR_MEMORY) {
            error_pass(err, &why);
            return SIZE_MAX;
        }
    }
    return num_read;
}

static bool read_class(void *user, size_t number, size_t k, struct error *err)
{
    struct reading *reading = user;
    struct worker *worker = &reading->workers[number];
    struct evidence_class *class = &reading->evidence->classes[k];
    const size_t cells = reading->num_cells;
    double *sums = calloc(2 * cells, sizeof *sums);
    size_t num_read;

    class->map = calloc(cells, sizeof *class->map);
    if (!sums || !class->map) {
        free(sums);
        return fail(err, ERROR_MEMORY, "not enough memory for a map");
    }
    weigh_class(worker->weights, reading, k);
    num_read = read_photos(reading, worker, sums, sums + cells, k, err);
    for (size_t i = 0; num_read > 0 && i < cells; i++)
        class->map[i] = (float)(sums[i] / (double)num_read);
    find_shares(&class->shares, sums + cells, &reading->grid);
    free(sums);
    return num_read != SIZE_MAX;
}

/* ---- the whole ---- */

static bool allocate(struct reading *reading)
{
    const size_t size = reading->fit->num_features;
    bool ok;

    reading->place_weights =
        calloc(EVIDENCE_NUM_PLACES * reading->num_cells, sizeof(float));
    reading->sums = calloc(size, sizeof *reading->sums);
    ok = reading->place_weights && reading->sums;
    for (unsigned i = 0; i < reading->options->num_threads; i++) {
        struct worker *worker = &reading->workers[i];

        worker->features = calloc(reading->num_cells * size, sizeof(float));
        worker->weights = calloc(size, sizeof(float));
        worker->map = calloc(reading->num_cells, sizeof(float));
        ok = ok && worker->features && worker->weights && worker->map;
    }
    return ok;
}

static void prepare(struct reading *reading, double *even)
{
    const struct fit *fit = reading->fit;

    weigh_places(reading->place_weights, &reading->grid);
    for (size_t k = 0; k < fit->num_classes; k++)
        for (size_t i = 0; i < fit->num_features; i++)
            reading->sums[i] += fit->weights[k * fit->num_features + i];
    for (size_t i = 0; i < reading->num_cells; i++)
        even[i] = 1;
    find_shares(&reading->evidence->even, even, &reading->grid);
}

static void release(struct reading *reading)
{
    for (unsigned i = 0; i < reading->options->num_threads; i++) {
        free(reading->workers[i].features);
        free(reading->workers[i].weights);
        free(reading->workers[i].map);
    }
    free(reading->place_weights);
    free(reading->sums);
    free(reading);
}

bool evidence_maps_find(struct evidence *evidence, float *adds,
                        const struct fit *fit, const struct sample *sample,
                        const struct fit_options *options, struct error *err)
{
    const size_t num_cells = fit->map_height * fit->map_width;
    struct reading *reading = calloc(1, sizeof *reading);
    double *even = calloc(num_cells, sizeof *even);
    bool ok = reading && even;

    if (reading) {
        reading->fit = fit;
        reading->sample = sample;
        reading->options = options;
        reading->grid = grid_of(fit);
        reading->num_cells = num_cells;
        reading->adds = adds;
        reading->evidence = evidence;
        ok = allocate(reading) && ok;
    }
    if (!ok)
        fail(err, ERROR_MEMORY, "not enough memory for the maps");
    if (ok) {
        prepare(reading, even);
        ok = workers_each(options->num_threads, fit->num_classes, read_class,
                          reading, err);
    }
    if (reading)
        release(reading);
    free(even);
    return ok;
}
