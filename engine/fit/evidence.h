#ifndef ENGINE_FIT_EVIDENCE_H
#define ENGINE_FIT_EVIDENCE_H

/* Where a fit's evidence lies, and whether a mark tells a class.
 *
 * A photo's evidence for a class c of K is what its map has more than the mean
 * of the other classes' maps:
 *
 *     evidence[y][x] = sum over k of (w[c][k] - mean of w[others][k])
 * f[y][x][k]
 *
 * For a head with global average pooling, its mean and the biases are what the
 * class's logit is above the mean logit of the others. Where it lies on average
 * says nothing about marks by itself: honest evidence may be off-centre too. So
 * marks are looked for in the photos (marks.h), and what they count for is read
 * from the evidence. What a place adds to a photo's logit is
 *
 *     share of the cells in the place x (mean evidence in the place
 *                                        - mean evidence in its counterpart)
 *
 * and what a mark adds is the mean of this over photos with the mark, less that
 * over the class's other photos. The counterpart of a corner is its mirror
 * image, left and right; of an edge or of the border, what is next to it
 * inside. tools/fit_marks.py measures how often warnings are right. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/fit/fit.h"
#include "engine/fit/marks.h"

/* A place: one of enum marks_place, or the whole border. */
enum { EVIDENCE_BORDER = MARKS_NUM_PLACES, EVIDENCE_NUM_PLACES };

enum { EVIDENCE_MAX_PHOTOS = 12, EVIDENCE_MAX_WARNINGS = 4 /* of a class */ };

/* A mark is found where a quarter of a class's photos score by so much more
 * than the other photos (marks.h). */
#define EVIDENCE_GAP 0.085

/* Shares of the positive evidence, 0..1. */
struct evidence_shares {
    double corners[MARKS_NUM_CORNERS]; /* of two sevenths of the sides */
    double border;                     /* a seventh of the sides wide */
    double outside_centre; /* but for the inner half of height and width */
};

struct evidence_class {
    float *map; /* (map_height, map_width) mean evidence; owned */
    struct evidence_shares shares; /* NAN: there is no positive evidence */
};

/* A mark that is found. */
struct evidence_warning {
    uint32_t class;
    size_t place;
    double gap;        /* at least EVIDENCE_GAP */
    size_t num_photos; /* of the class, that were examined */
    size_t num_marked; /* of these, that have the mark */
    double adds;       /* to the class's logit above the others'; NAN: all
                          photos are marked, or their maps are gone */
    size_t photos[EVIDENCE_MAX_PHOTOS]; /* those that have it most clearly */
    size_t num_listed;
};

/* `= {0}` is empty. */
struct evidence {
    struct evidence_class *classes; /* (num_classes) owned */
    size_t num_classes;
    struct evidence_warning *warnings; /* (num_warnings) owned */
    size_t num_warnings;
    size_t num_examined;         /* classes in which marks were looked for */
    struct evidence_shares even; /* of evidence that is the same everywhere */
};

/* Finds where the evidence lies, in a sample of the photos (sample.h), and
 * looks for marks in classes of at least MARKS_MIN_PHOTOS photos. Photos that
 * cannot be read any more are left out. options are those of the fit.
 * `evidence` must be empty, and stays so on failure. ERROR_BUSY: cancelled;
 * ERROR_MEMORY. */
bool evidence_find(struct evidence *evidence, const struct fit *fit,
                   const struct fit_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* "bottom-left" and "bottom left corner". */
const char *evidence_place_name(size_t place);
const char *evidence_place_words(size_t place);

void evidence_release(struct evidence *evidence);

#endif
