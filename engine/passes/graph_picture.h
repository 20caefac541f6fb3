#ifndef ENGINE_PASSES_GRAPH_PICTURE_H
#define ENGINE_PASSES_GRAPH_PICTURE_H

/* Finds which axes of a value are the rows and columns of an image.
 *
 * The output of a convolution is an image. Operations on elements or channels
 * keep the cells in place, and so does a reshape that puts rows and columns on
 * one axis, like the tokens of a transformer. A sum is an image if one addend
 * is: in a residual network the shortcut determines the cells' positions,
 * whatever the branch mixes. Operations that move cells end the image. */

#include "engine/graph/graph.h"

/* `= {0}` is not an image. */
struct graph_picture {
    size_t height, width;   /* 0: none */
    uint32_t rows, columns; /* axes; equal if one axis holds both */
    size_t first; /* number of elements before the first cell on that axis, such
                     as class tokens */
};

/* Describes every value of a graph, either before or after graph_layout.
 *
 * pictures  out  (num_values) */
void graph_picture_find(struct graph_picture *pictures,
                        const struct graph *graph);

#endif
