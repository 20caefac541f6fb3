#include "engine/run/dense.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/hugepages.h"
#include "engine/run/dense_internal.h"

enum {
    MIN_PIXELS = 4, /* of a convolution; XNNPACK has kernels for fewer */
    MAX_STRIDE = 4, /* of a transposed convolution */
};

static bool supports_window(const struct graph *graph,
                            const struct graph_node *node)
{
    const struct graph_window *window = &node->conv.window;
    const size_t *out = graph_output(graph, node, 0)->shape.dim;

    return node->nhwc && !node->conv.depthwise &&
           (node->conv.groups == 1 || node->op == GRAPH_CONV) &&
           dense_layout_supports(node->conv.groups, out[3]) &&
           window->kernel[0] * window->kernel[1] <= DENSE_MAX_TAPS &&
           (node->op == GRAPH_CONV || (window->stride[0] == window->stride[1] &&
                                       window->stride[0] <= MAX_STRIDE)) &&
           out[0] * out[1] * out[2] >= MIN_PIXELS;
}

bool dense_has_kernel(void)
{
    return dense_tile_best();
}

bool dense_supports(const struct graph *graph, const struct graph_node *node)
{
    const struct graph_value *weights, *bias;

    if (node->op != GRAPH_LINEAR &&
        !((node->op == GRAPH_CONV || node->op == GRAPH_DECONV) &&
          supports_window(graph, node)))
        return false;
    weights = graph_input(graph, node, 1);
    bias = graph_input(graph, node, 2);
    return weights->data && (!bias || bias->data) && node->min < node->max &&
           dense_has_kernel();
}

bool dense_gives_rows(const struct graph *graph, const struct graph_node *node)
{
    return node->op == GRAPH_CONV && dense_supports(graph, node) &&
           graph_output(graph, node, 0)->shape.dim[0] == 1 &&
           !dense_winograd_pays(graph, node, dense_tile_best());
}

/* ---- weights ---- */

static size_t taps_of(const struct dense *dense)
{
    const size_t *kernel = dense->window.kernel;

    return kernel[0] * kernel[1];
}

static size_t groups_of(const struct dense *dense)
{
    return dense->node->op == GRAPH_LINEAR ? 1 : dense->node->conv.groups;
}

static const struct dense_kernel *best_for(const struct dense *dense)
{
    return dense_tile_for(groups_of(dense), dense->out_dim[3]);
}

static bool are_pairs(const struct dense_layout *layout)
{
    return layout->kernel->run_pair && layout->merged == 2 &&
           layout->in == 2 * DENSE_QUAD && layout->out == 2 * DENSE_QUAD;
}

enum {
    CACHE_PAGE = 4096, /* bytes after which addresses share a set of the first
                          cache */
    CACHE_WAYS = 8,    /* that it has at least */
    CACHE_LINE = 64,
    COPY_PAYS = 128, /* multiply-adds for each number, from which on its copy
                        costs little */
};

/* The pixels of a tile push one another out of the cache where their inputs
 * are whole pages apart: a copy, then, has a line between them. */
static size_t apart_of(const struct dense *dense)
{
    const size_t channels = dense->in_dim[3];
    const size_t one[2] = {1, 1};
    const size_t *stride = dense->transposed ? one : dense->window.stride;
    const size_t uses =
        dense->layout.out * taps_of(dense) / stride[0] / stride[1];

    return channels * stride[1] * sizeof(float) % CACHE_PAGE == 0 &&
                   dense->kernel->pixels > CACHE_WAYS && uses >= COPY_PAYS
               ? channels + CACHE_LINE / sizeof(float)
               : channels;
}

/* Packs the weights for tiles, if there is memory. */
static void pack_tiles(struct dense *dense)
{
    const struct graph *graph = dense->graph;
    const struct graph_node *node = dense->node;
    const struct graph_value *bias = graph_input(graph, node, 2);
    struct dense_layout *layout = &dense->layout;

    dense_layout_find(layout, dense->kernel, taps_of(dense), groups_of(dense),
                      dense->in_dim[3], dense->out_dim[3]);
    layout->paired = are_pairs(layout);
    dense->apart = apart_of(dense);
    dense->per_group =
        dense_tile_group_bytes() / (layout->panel_len * sizeof(float));
    dense->per_group += dense->per_group == 0;
    dense->packed = hugepages_take(dense_len(dense));
    dense->bias = calloc(layout->groups * layout->panels * dense->kernel->lanes,
                         sizeof *dense->bias);
    dense->zeros = calloc(dense->window.kernel[1] * dense->in_dim[3],
                          sizeof *dense->zeros);
    if (dense->packed && dense->bias && dense->zeros)
        dense_layout_pack(layout, dense->packed, dense->bias,
                          graph_floats(graph_input(graph, node, 1)),
                          bias ? graph_floats(bias) : NULL);
}

struct dense *dense_new(const struct graph *graph,
                        const struct graph_node *node,
                        const struct dense_kernel *kernel, struct error *err)
{
    struct dense *dense = calloc(1, sizeof *dense);

    if (dense) {
        dense->graph = graph;
        dense->node = node;
        dense_layout_describe(&dense->window, dense->in_dim, dense->out_dim,
                              graph, node);
        dense->kernel = kernel = kernel ? kernel : best_for(dense);
        dense->transposed = node->op == GRAPH_DECONV;
        if (dense_row_pays(graph, node))
            dense->row = dense_row_new(graph, node, kernel, err);
        else if (dense_winograd_pays(graph, node, kernel))
            dense->winograd = dense_winograd_new(graph, node, kernel, err);
        else
            pack_tiles(dense);
    }
    if (dense && (dense->row || dense->winograd ||
                  (dense->packed && dense->bias && dense->zeros)))
        return dense;
    dense_free(dense);
    fail(err, ERROR_MEMORY, "not enough memory for a layer's weights");
    return NULL;
}

size_t dense_len(const struct dense *dense)
{
    const struct dense_layout *layout = &dense->layout;

    return dense->winograd ? dense_winograd_len(dense->winograd)
           : dense->row    ? dense_row_len(dense->row)
                        : layout->groups * layout->panels * layout->panel_len *
                              sizeof *dense->packed;
}

bool dense_share(struct dense *dense, const struct dense *other)
{
    if (!other || dense->kernel != other->kernel ||
        !dense->row != !other->row || !dense->winograd != !other->winograd ||
        dense_len(dense) != dense_len(other))
        return false;
    if (dense->winograd)
        return dense_winograd_share(dense->winograd, other->winograd);
    if (dense->row)
        return dense_row_share(dense->row, other->row);
    dense->packed =
        hugepages_share(dense->packed, other->packed, dense_len(dense));
    return dense->packed == other->packed;
}

size_t dense_scratch_len(const struct dense *dense)
{
    return dense->winograd ? dense_winograd_scratch_len(dense->winograd)
           : dense->row    ? dense_row_scratch_len(dense->row)
           : dense->apart != dense->in_dim[3]
               ? dense->in_dim[0] * dense->in_dim[1] * dense->in_dim[2] *
                     dense->apart
               : 0;
}

void dense_free(struct dense *dense)
{
    if (!dense)
        return;
    dense_winograd_free(dense->winograd);
    dense_row_free(dense->row);
    hugepages_give(dense->packed);
    free(dense->bias);
    free(dense->zeros);
    free(dense);
}
