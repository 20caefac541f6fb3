#ifndef ENGINE_PASSES_GRAPH_PICTURE_H
#define ENGINE_PASSES_GRAPH_PICTURE_H

/* Which axes of a value are the rows and columns of a picture.
 *
 * A convolution makes a picture. What works element by element or on channels
 * keeps its cells where they are, and so does a reshape that puts rows and
 * columns on one axis, row after row, as the tokens of a transformer are. Of
 * several addends one that is a picture makes the sum one: a residual network's
 * shortcut says where a cell is, whatever its branch mixes. What takes cells
 * to other places ends it. */

#include "engine/graph/graph.h"

/* `= {0}`: no picture. */
struct graph_picture {
    size_t height, width;   /* 0: none */
    uint32_t rows, columns; /* axes; the same one where it holds both */
    size_t first; /* of that one: so many come before the first cell */
};

/* Describes every value of a graph, before graph_layout or after it.
 *
 * pictures  out  (num_values) */
void graph_picture_find(struct graph_picture *pictures,
                        const struct graph *graph);

#endif
