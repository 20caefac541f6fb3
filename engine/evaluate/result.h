#ifndef ENGINE_EVALUATE_RESULT_H
#define ENGINE_EVALUATE_RESULT_H

/* What is measured of one photo, and its lines in a CSV file: one for each row
 * of the report. Everything that the report needs is in these lines, so that an
 * evaluation that was interrupted goes on from its file. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/evaluate/box_levels.h"
#include "engine/evaluate/csv.h"
#include "engine/evaluate/iou.h"
#include "engine/explain/box.h"

/* X(enumerator, column, whether all boxes of a level count, overlap)
 *
 * The curves of accuracy over the threshold: of the box of the largest contour
 * (MaxBoxAcc), and of all boxes (MaxBoxAccV2). */
#define RESULT_CURVES(X)                        \
    X(RESULT_LARGEST_50, largest_50, false, .5) \
    X(RESULT_ANY_30, any_30, true, .3)          \
    X(RESULT_ANY_50, any_50, true, .5)          \
    X(RESULT_ANY_70, any_70, true, .7)

enum result_curve {
#define X(curve, ...) curve,
    RESULT_CURVES(X)
#undef X
        RESULT_NUM_CURVES
};

/* A set of levels. */
struct result_levels {
    uint64_t bits[(BOX_LEVELS + 63) / 64];
};

/* Of one row. NAN stands for what is not defined. */
struct result {
    bool has_box;
    struct iou_box box; /* in pixels of the upright photo */
    double iou;         /* with the best true box; 0 without a box */
    double pointing;    /* 1: the map's peak is in a true box; 0 */
    double energy;
    struct result_levels levels[RESULT_NUM_CURVES]; /* at which it counts */
    double deletion, insertion;
    double check; /* the largest of the map's checks */
    double ms;    /* from the photo's bytes to the boxes */
};

struct result_photo {
    size_t item;                 /* of the data set */
    const char *name;            /* borrowed */
    char error[ERROR_TEXT_SIZE]; /* "": none; else there are no results */
    size_t class_index;          /* whose maps these are */
    size_t rank;  /* of the right class, from 1; 0: it is not known */
    double share; /* of the picture that its largest true box has; NAN: there is
                     no true box, and nothing to localise */
    struct box_place place; /* the photo's size, and the first map's cells; not
                               in the CSV file */
    struct result *results; /* (num_rows) */
};

/* What a row of the report is of. Texts are borrowed. */
struct result_row {
    const char *method;
    const char *layer;  /* or "" */
    const char *target; /* or "" */
    const char *box;
};

void result_levels_set(struct result_levels *levels, size_t level);
bool result_levels_has(const struct result_levels *levels, size_t level);

/* The levels at which the overlaps of box_levels.h reach a curve's. */
void result_levels_find(struct result_levels levels[RESULT_NUM_CURVES],
                        const struct box_levels *found);

/* The same if the box is the same at all levels. */
void result_levels_fill(struct result_levels levels[RESULT_NUM_CURVES],
                        double iou);

/* Appends the CSV file's first line. ERROR_MEMORY. */
bool result_write_header(struct buf *out, struct error *err)
    __attribute__((warn_unused_result));

/* Appends a photo's lines: one for each row, or a single one with its error.
 * ERROR_MEMORY. */
bool result_write(struct buf *out, const struct result_photo *photo,
                  const struct result_row *rows, size_t num_rows,
                  struct error *err) __attribute__((warn_unused_result));

/* Reads one line, a record of csv.h, into row photo->results[*row]. *row is
 * num_rows for a photo with an error. The name is borrowed from the record.
 * ERROR_INPUT if it is not a line of such a file. */
bool result_read(struct result_photo *photo, size_t *row, const struct csv *csv,
                 size_t num_rows, struct error *err)
    __attribute__((warn_unused_result));

#endif
