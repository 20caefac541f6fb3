#include "engine/evaluate/exemplify_sheets.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"
#include "engine/base/team.h"
#include "engine/engine_exemplars.h"
#include "engine/evaluate/workers.h"
#include "engine/image/resize.h"
#include "engine/render/sheet.h"

/* The pixels of all sheets that are drawn at the same time, in bytes. */
enum { MAX_BYTES = 48 << 20 };

/* A square to fill. */
struct square {
    const struct winner *winner;
    size_t sheet, place; /* of those at work; on the sheet */
};

/* What a thread has for itself. */
struct worker {
    struct image image;
    struct buf file;
    struct resize resize;
    uint8_t *cut, *fitted; /* a crop, and the same resized; owned */
    size_t cut_cap, fitted_cap;
};

struct drawing {
    const struct exemplify_sheets *sheets;
    const struct exemplify *found;
    const struct exemplify_options *options;
    const struct engine *engine;
    const char *folder;
    struct worker workers[TEAM_MAX_THREADS];
    size_t first, count;    /* the channels at work */
    struct sheet *pictures; /* (count) owned */
    struct square *squares; /* (num_squares) by photo; owned */
    size_t num_squares;
    pthread_mutex_t lock;
    size_t next;          /* square or sheet to claim; guarded by lock */
    struct error failure; /* that ends the drawing; guarded by lock */
};

/* ---- a crop ---- */

/* The size of a crop in its square: its longer side is `size`. */
static void fit(uint32_t *width, uint32_t *height, const struct crop *crop,
                uint32_t size)
{
    uint64_t longer = crop->width > crop->height ? crop->width : crop->height;

    *width =
        (uint32_t)((2 * (uint64_t)size * crop->width + longer) / (2 * longer));
    *height =
        (uint32_t)((2 * (uint64_t)size * crop->height + longer) / (2 * longer));
    *width += *width == 0;
    *height += *height == 0;
}

/* Copies a crop out of the photo, and resizes it. */
static bool cut(struct worker *worker, const struct crop *crop, uint32_t width,
                uint32_t height, struct error *err)
{
    const size_t stride = (size_t)3 * worker->image.width;
    const size_t row = (size_t)3 * crop->width;

    worker->cut =
        scratch_reserve(worker->cut, &worker->cut_cap, crop->height, row, err);
    worker->fitted = scratch_reserve(worker->fitted, &worker->fitted_cap,
                                     (size_t)width * height, 3, err);
    if (!worker->cut || !worker->fitted)
        return false;
    for (size_t y = 0; y < crop->height; y++)
        memcpy(worker->cut + y * row,
               worker->image.pixels + (crop->y + y) * stride +
                   (size_t)3 * crop->x,
               row);
    return resize_rgb(&worker->resize, worker->fitted, width, height,
                      worker->cut, crop->width, crop->height, err);
}

static bool draw_square(const struct drawing *drawing, struct worker *worker,
                        const struct square *square, struct error *err)
{
    const struct winner *winner = square->winner;
    const uint32_t size = drawing->sheets->size;
    struct sheet *sheet = &drawing->pictures[square->sheet];
    const size_t stride = (size_t)3 * sheet->width;
    uint8_t *tile = sheet_tile(sheet, square->place);
    uint32_t width, height;
    struct crop crop;

    engine_exemplars_crop(&crop, drawing->engine, drawing->options->layer,
                          &winner->photo->frame, winner->peak.x,
                          winner->peak.y);
    fit(&width, &height, &crop, size);
    if (!cut(worker, &crop, width, height, err))
        return false;
    tile += (size - height) / 2 * stride + (size_t)3 * ((size - width) / 2);
    for (uint32_t y = 0; y < height; y++)
        memcpy(tile + y * stride, worker->fitted + (size_t)3 * width * y,
               (size_t)3 * width);
    return true;
}

/* ---- a photo ---- */

/* Claims the squares of the next photo: first to end - 1. */
static bool claim(struct drawing *drawing, size_t *first, size_t *end)
{
    const struct square *squares = drawing->squares;

    pthread_mutex_lock(&drawing->lock);
    *first = *end = drawing->next;
    if (drawing->failure.kind == ERROR_NONE && *first < drawing->num_squares)
        do
            ++*end;
        while (*end < drawing->num_squares &&
               squares[*end].winner->photo == squares[*first].winner->photo);
    drawing->next = *end;
    pthread_mutex_unlock(&drawing->lock);
    return *first < *end;
}

static bool read_photo(const struct drawing *drawing, struct worker *worker,
                       const struct winners_photo *photo, struct error *err)
{
    char path[PATH_MAX];

    buf_clear(&worker->file);
    if (snprintf(path, sizeof path, "%s/%s", drawing->folder, photo->file) >=
        (int)sizeof path)
        return error_limit(err, PATH_MAX, "the path is too long");
    if (!buf_append_file(&worker->file, path, drawing->options->max_bytes,
                         err) ||
        !image_decode(&worker->image, worker->file.data, worker->file.len,
                      &drawing->options->limits, err))
        return false;
    return (worker->image.width == photo->frame.width &&
            worker->image.height == photo->frame.height) ||
           fail(err, ERROR_IO, "the file has changed meanwhile");
}

static void draw_photos(void *user, size_t number)
{
    struct drawing *drawing = user;
    const struct exemplify_options *options = drawing->options;
    struct worker *worker = &drawing->workers[number];
    size_t first, end;

    while (claim(drawing, &first, &end)) {
        const struct winners_photo *photo =
            drawing->squares[first].winner->photo;
        struct error unread = {0}, why = {0};
        bool ok = read_photo(drawing, worker, photo, &unread);

        for (size_t i = first; ok && i < end; i++)
            ok = draw_square(drawing, worker, &drawing->squares[i], &why);
        if (ok)
            continue;
        pthread_mutex_lock(&drawing->lock);
        error_pass(&drawing->failure, &why);
        if (unread.kind != ERROR_NONE && options->trouble)
            options->trouble(options->user, photo->file, &unread);
        pthread_mutex_unlock(&drawing->lock);
    }
}

/* ---- the sheets ---- */

static void write_sheets(void *user, size_t number)
{
    struct drawing *drawing = user;
    const struct exemplify_sheets *sheets = drawing->sheets;
    struct buf *png = &drawing->workers[number].file;

    for (;;) {
        struct error why = {0};
        struct sheet *sheet;
        size_t i;
        bool ok;

        pthread_mutex_lock(&drawing->lock);
        i = drawing->failure.kind == ERROR_NONE ? drawing->next++
                                                : drawing->count;
        pthread_mutex_unlock(&drawing->lock);
        if (i >= drawing->count)
            return;
        sheet = &drawing->pictures[i];
        buf_clear(png);
        ok = sheet_png(sheet, png, &why);
        sheet_release(sheet);
        pthread_mutex_lock(&drawing->lock);
        ok = ok && sheets->take(sheets->user, drawing->first + i, png, &why);
        if (!ok)
            error_pass(&drawing->failure, &why);
        pthread_mutex_unlock(&drawing->lock);
    }
}

static int compare(const void *a, const void *b)
{
    const struct square *one = a, *other = b;

    return strcmp(one->winner->photo->file, other->winner->photo->file);
}

/* Begins with white sheets, and lists what belongs on them by photos. */
static bool begin(struct drawing *drawing, struct error *err)
{
    const struct winners *winners = &drawing->found->winners;
    const struct sheet_grid grid = {
        .count = winners->top,
        .width = drawing->sheets->size,
        .height = drawing->sheets->size,
    };

    drawing->num_squares = 0;
    drawing->next = 0;
    for (size_t i = 0; i < drawing->count; i++) {
        const struct winner *list = winners_list(winners, drawing->first + i);

        if (!sheet_begin(&drawing->pictures[i], &grid, err))
            return false;
        for (size_t k = 0; k < winners->counts[drawing->first + i]; k++)
            drawing->squares[drawing->num_squares++] =
                (struct square){&list[k], i, k};
    }
    qsort(drawing->squares, drawing->num_squares, sizeof *drawing->squares,
          compare);
    return true;
}

/* Draws the sheets of some channels. */
static bool draw(struct drawing *drawing, struct error *err)
{
    const unsigned num_threads = drawing->options->num_threads;

    if (!begin(drawing, err) ||
        !workers_run(num_threads, draw_photos, drawing, err))
        return false;
    drawing->next = 0;
    return workers_run(num_threads, write_sheets, drawing, err) &&
           (drawing->failure.kind == ERROR_NONE ||
            error_pass(err, &drawing->failure));
}

static void release(struct drawing *drawing, size_t most)
{
    for (size_t i = 0; drawing->pictures && i < most; i++)
        sheet_release(&drawing->pictures[i]);
    for (unsigned i = 0; i < drawing->options->num_threads; i++) {
        struct worker *worker = &drawing->workers[i];

        image_release(&worker->image);
        buf_release(&worker->file);
        resize_release(&worker->resize);
        free(worker->cut);
        free(worker->fitted);
    }
    free(drawing->pictures);
    free(drawing->squares);
    pthread_mutex_destroy(&drawing->lock);
    free(drawing);
}

bool exemplify_sheets_draw(const struct exemplify_sheets *sheets,
                           const struct exemplify *found,
                           const struct exemplify_options *options,
                           const struct engine *engine, const char *folder,
                           struct error *err)
{
    const size_t total = found->winners.num_channels, top = found->winners.top;
    const size_t bytes = 3 * top * sheets->size * sheets->size;
    const size_t most = bytes < MAX_BYTES ? MAX_BYTES / bytes : 1;
    struct drawing *drawing = calloc(1, sizeof *drawing);
    bool ok;

    if (!drawing)
        return fail(err, ERROR_MEMORY, "not enough memory for sheets");
    drawing->sheets = sheets;
    drawing->found = found;
    drawing->options = options;
    drawing->engine = engine;
    drawing->folder = folder;
    pthread_mutex_init(&drawing->lock, NULL);
    drawing->pictures = calloc(most, sizeof *drawing->pictures);
    drawing->squares = calloc(most * top, sizeof *drawing->squares);
    ok = (drawing->pictures && drawing->squares) ||
         fail(err, ERROR_MEMORY, "not enough memory for sheets");
    while (ok && drawing->first < total) {
        size_t left = total - drawing->first;

        drawing->count = left < most ? left : most;
        ok = draw(drawing, err);
        drawing->first += drawing->count;
    }
    release(drawing, most);
    return ok;
}
