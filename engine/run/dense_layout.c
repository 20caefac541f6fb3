#include "engine/run/dense_layout.h"

#include <string.h>

enum { PACK_INPUTS = 64 };

void dense_layout_find(struct dense_layout *layout,
                       const struct dense_kernel *kernel, size_t taps,
                       size_t groups, size_t in, size_t out)
{
    size_t merged = 1, narrow = kernel->lanes / 2 / (out / groups);

    for (size_t m = 2; m <= narrow && m <= groups; m++)
        if (groups % m == 0 && out / groups * m % MASK_UNIT == 0)
            merged = m;
    *layout = (struct dense_layout){
        .kernel = kernel,
        .taps = taps,
        .groups = groups / merged,
        .merged = merged,
        .in = in / groups * merged,
        .out = out / groups * merged,
    };
    layout->panels = (layout->out + kernel->lanes - 1) / kernel->lanes;
    layout->panel_len = taps * layout->in * kernel->lanes;
}

bool dense_layout_supports(size_t groups, size_t out)
{
    size_t width = out / groups;

    return groups == 1 || width % MASK_UNIT == 0 ||
           (MASK_UNIT % width == 0 && groups % (MASK_UNIT / width) == 0);
}

/* Some inputs of all lanes at a time, so that what is written stays in the
 * cache until it is whole. */
static void pack_whole(const struct dense_layout *layout, float *panel,
                       const float *weights, size_t used, size_t lanes)
{
    size_t inner = layout->taps * (layout->paired ? DENSE_QUAD : layout->in);

    for (size_t first = 0; first < inner; first += PACK_INPUTS) {
        size_t left = inner - first;
        size_t num = left < PACK_INPUTS ? left : PACK_INPUTS;
        float *to = panel + first * lanes;

        for (size_t l = 0; l < used; l++)
            for (size_t i = 0; i < num; i++)
                to[i * lanes + l] = weights[l * inner + first + i];
        for (size_t i = 0; used < lanes && i < num; i++)
            memset(to + i * lanes + used, 0, (lanes - used) * sizeof *to);
    }
}

/* The weights of each of the layer's own groups, and zeros. */
static void pack_merged(const struct dense_layout *layout, float *panel,
                        const float *weights, size_t used, size_t lanes)
{
    size_t in = layout->in / layout->merged, out = layout->out / layout->merged;

    memset(panel, 0, layout->taps * layout->in * lanes * sizeof *panel);
    for (size_t l = 0; l < used; l++)
        for (size_t k = 0; k < layout->taps; k++)
            for (size_t i = 0; i < in; i++)
                panel[(k * layout->in + l / out * in + i) * lanes + l] =
                    weights[(l * layout->taps + k) * in + i];
}

void dense_layout_pack(const struct dense_layout *layout, float *packed,
                       float *to_bias, const float *weights, const float *bias)
{
    size_t inner = layout->taps * layout->in / layout->merged;

    for (size_t p = 0; p < layout->groups * layout->panels; p++) {
        struct dense_panel one = dense_layout_panel(layout, p);
        size_t lanes = dense_tile_lanes(layout->kernel, one.num_lanes);

        (layout->merged > 1 && !layout->paired ? pack_merged : pack_whole)(
            layout, packed + p * layout->panel_len,
            weights + one.channel * inner, one.num_lanes, lanes);
        for (size_t l = 0; l < layout->kernel->lanes; l++)
            to_bias[p * layout->kernel->lanes + l] =
                bias && l < one.num_lanes ? bias[one.channel + l] : 0;
    }
}

void dense_layout_describe(struct graph_window *window, size_t *in, size_t *out,
                           const struct graph *graph,
                           const struct graph_node *node)
{
    const struct graph_shape *from = &graph_input(graph, node, 0)->shape;
    const struct graph_shape *to = &graph_output(graph, node, 0)->shape;

    if (node->op != GRAPH_LINEAR) {
        *window = node->conv.window;
        memcpy(in, from->dim, 4 * sizeof *in);
        memcpy(out, to->dim, 4 * sizeof *out);
        return;
    }
    *window = (struct graph_window){
        .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    for (int i = 0; i < 2; i++)
        in[i] = out[i] = 1;
    in[3] = from->dim[from->rank - 1];
    out[3] = to->dim[to->rank - 1];
    in[2] = out[2] = graph_shape_count(to) / out[3];
}
