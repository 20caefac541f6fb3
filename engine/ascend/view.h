#ifndef ENGINE_ASCEND_VIEW_H
#define ENGINE_ASCEND_VIEW_H

/* What the network is shown of a picture: moved, scaled and turned a little,
 * differently at each step, so that what it sees does not depend on single
 * pixels. The way back is the exact adjoint: sum(view(a) b) = sum(a back(b)),
 * up to what a network's input adds.
 *
 * Samples are bilinear; outside of the picture they repeat its border. Where a
 * pixel of the input is larger than one of the picture, it is the mean of
 * several samples. One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/ascend/painting.h"
#include "engine/base/error.h"
#include "engine/image/preprocess.h"

/* How far views may differ from the whole picture; `= {0}` is that. */
struct view_range {
    double shift; /* in pixels of the input, each way */
    double scale; /* sides from 1 - scale to 1 + scale of the picture's */
    double turn;  /* degrees, each way */
};

enum { VIEW_LANES = 4 }; /* red, green, blue, nothing */

/* Where a view lies. */
struct view_place {
    double shift_x, shift_y; /* of its centre, in pixels of the input */
    double scale;            /* its side over the picture's */
    double turn;             /* radians */
};

#define VIEW_WHOLE ((struct view_place){.scale = 1})

/* The place of step `step` of a seed. */
struct view_place view_choose(const struct view_range *range, uint64_t seed,
                              uint64_t step);

/* `= {0}` is empty. */
struct view {
    struct painting_shape canvas;
    size_t picture_height, picture_width, height, width; /* of the input too */
    size_t samples;      /* each way, of a pixel of the input */
    size_t channels;     /* of the input */
    float from[3][3];    /* (channels, 3) of red, green and blue, 0 to 1 */
    float add[3];        /* (channels) */
    uint32_t *corner;    /* (height, width, samples, samples) the upper left
                            one of four samples; owned */
    float *right, *down; /* likewise: shares of those to the right and below;
                            owned */
    size_t cap;          /* of each, in samples */
    float *cells;        /* (canvas.height, canvas.width, VIEW_LANES) the
                            canvas, or its gradient; owned */
    struct team_member *member; /* borrowed, or NULL */
};

/* For pictures of a painting and a network's input. ERROR_MEMORY. */
bool view_init(struct view *view, const struct painting_shape *canvas,
               size_t picture_height, size_t picture_width,
               const struct preprocess_spec *spec, struct team_member *member,
               struct error *err) __attribute__((warn_unused_result));

/* About how much memory it takes at most, in bytes. */
size_t view_len(size_t picture_height, size_t picture_width, double scale,
                const struct preprocess_spec *spec);

/* Sets the place of the next calls. ERROR_MEMORY. */
bool view_set(struct view *view, const struct view_place *place,
              struct error *err) __attribute__((warn_unused_result));

/* input   out  (height, width, channels)
 * canvas  in   (3, canvas.height, canvas.width), 0 to 1 */
void view_show(struct view *view, float *input, const float *canvas);

/* gradient  out  (3, canvas.height, canvas.width)
 * given     in   (height, width, channels) */
void view_back(struct view *view, float *gradient, const float *given);

void view_release(struct view *view);

#endif
