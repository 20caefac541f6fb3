#ifndef ENGINE_NETWORK_LAYERS_FIELD_H
#define ENGINE_NETWORK_LAYERS_FIELD_H

/* The receptive fields of a network's values: which pixels of the input a cell
 * of an image depends on.
 *
 * Along each axis, cell i depends on no pixels but those from first + i stride
 * to last + i stride. Each operation widens and moves the fields of its
 * operands: a convolution by its kernel, a sum takes the union. The bounds are
 * exact for windows; behind a resize, whose cells see more or less of its
 * operand by turns, some cells see less. Pixels outside the input count: it is
 * the field far from all borders. A cell that depends on an operand without
 * cells, such as the gate of squeeze-and-excitation, depends on all pixels.
 *
 * Private to layers.c. */

#include <stdbool.h>

#include "engine/graph/graph.h"
#include "engine/passes/graph_picture.h"

struct layers_field {
    bool from_image;              /* the value depends on the input */
    struct graph_picture picture; /* the value's, or that which has only been
                                     padded since */
    struct layers_span {
        double first, last; /* in pixels; infinite: all pixels */
        double stride;      /* 0: not defined, and the span is infinite */
    } span[2];              /* rows, columns; of an image only */
};

/* Describes every value of a graph before graph_layout.
 *
 * fields    out  (num_values)
 * pictures  in   (num_values) from graph_picture_find */
void layers_field_find(struct layers_field *fields, const struct graph *graph,
                       const struct graph_picture *pictures);

/* The number of pixels in a span; infinite if it is. */
double layers_field_size(const struct layers_span *span);

#endif
