#ifndef ENGINE_RUN_DENSE_LAYOUT_H
#define ENGINE_RUN_DENSE_LAYOUT_H

/* How a layer's output channels are divided into panels. Groups of a grouped
 * convolution that are narrower than a vector are computed as one, with zeros
 * for the weights between them: vectors would be as empty otherwise, and there
 * would be more tiles. Pairs of groups of DENSE_QUAD channels need no zeros.
 * Private to dense*.c. */

#include "engine/run/dense_tile.h"

struct dense_layout {
    const struct dense_kernel *kernel;
    size_t taps;      /* of the window */
    size_t groups;    /* that are left */
    size_t merged;    /* of the layer's own in each of these */
    bool paired;      /* two in each, for run_pair; its owner sets it before
                         packing */
    size_t in, out;   /* channels of each */
    size_t panels;    /* of each */
    size_t panel_len; /* floats, of a whole panel */
};

/* A panel's group, first output channel, and number of channels. */
struct dense_panel {
    size_t group, channel, num_lanes;
};

/* Whether no two groups, once merged, share a byte of a mask (mask.h). */
bool dense_layout_supports(size_t groups, size_t out);

/* For `groups` of a layer with so many channels in all. */
void dense_layout_find(struct dense_layout *layout,
                       const struct dense_kernel *kernel, size_t taps,
                       size_t groups, size_t in, size_t out);

static inline struct dense_panel
dense_layout_panel(const struct dense_layout *layout, size_t panel)
{
    /* Most have one group, and this is called for each tile. */
    size_t group = layout->groups == 1 ? 0 : panel / layout->panels;
    size_t lanes = layout->kernel->lanes;
    size_t first = (panel - group * layout->panels) * lanes;
    size_t left = layout->out - first;

    return (struct dense_panel){
        .group = group,
        .channel = group * layout->out + first,
        .num_lanes = left < lanes ? left : lanes,
    };
}

/* Describes a CONV, DECONV or LINEAR as a convolution: a LINEAR has a window of
 * one pixel, and its rows are the pixels of one row.
 *
 *     in, out  out  (4) of the feature maps, (n, height, width, channels) */
void dense_layout_describe(struct graph_window *window, size_t *in, size_t *out,
                           const struct graph *graph,
                           const struct graph_node *node);

/* Packs all panels.
 *
 *     packed   out  (groups, panels, taps, in, lanes)
 *     to_bias  out  (groups, panels, lanes)
 *     weights  in   (out, taps, in of the layer's own group)
 *     bias     in   (out) or NULL */
void dense_layout_pack(const struct dense_layout *layout, float *packed,
                       float *to_bias, const float *weights, const float *bias);

#endif
