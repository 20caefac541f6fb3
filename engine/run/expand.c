/* DESIGN: Rows of the expanded map are in a ring, in scratch, with room for the
 * rows that a band of outputs takes: those of the last band that the next one
 * takes too are still there. All threads work on the same band. */

#include "engine/run/expand.h"

#include "engine/base/hugepages.h"

enum { MIN_RING = 8 }; /* rows, more than a window has */

/* An expanded map of fewer bytes stays in the cache by itself. */
#define MIN_BYTES ((size_t)1 << 20)

/* About these many bytes of rows are in the ring. */
#define RING_BYTES ((size_t)512 << 10)

static size_t row_len(const struct graph_shape *shape)
{
    return shape->dim[2] * shape->dim[3];
}

/* The rows in the ring: a power of two. */
static size_t ring_of(const struct graph_shape *shape)
{
    size_t ring = MIN_RING;

    while (2 * ring * row_len(shape) * sizeof(float) <= RING_BYTES)
        ring *= 2;
    return ring;
}

bool expand_pays(const struct graph *graph, const struct graph_node *depthwise)
{
    const struct graph_shape *shape = &graph_input(graph, depthwise, 0)->shape;

    return graph_shape_count(shape) * sizeof(float) >= MIN_BYTES &&
           ring_of(shape) < shape->dim[1];
}

/* What the layer itself needs, so that the ring begins a line of the cache. */
static size_t own_len(const struct expand_layer *layer)
{
    enum { UNIT = HUGEPAGES_ALIGNMENT / sizeof(float) };
    size_t len =
        layer->dense_int8 ? dense_int8_scratch_len(layer->dense_int8) : 0;

    return (len + UNIT - 1) / UNIT * UNIT;
}

size_t expand_scratch_len(const struct expand_layer *layer,
                          const struct graph *graph,
                          const struct graph_node *depthwise)
{
    const struct graph_shape *shape = &graph_input(graph, depthwise, 0)->shape;

    return own_len(layer) + ring_of(shape) * row_len(shape);
}

/* One above the last row of `height` that rows up to `last` of the output take.
 */
static size_t rows_for(const struct graph_window *window, size_t last,
                       size_t height)
{
    size_t end = last * window->stride[0] + window->kernel[0];

    end = end > window->pad_before[0] ? end - window->pad_before[0] : 0;
    return end < height ? end : height;
}

void expand_run(const struct expand_layer *layer,
                const struct depthwise *depthwise, const float *in,
                float *scratch, struct team_member *member)
{
    const struct graph *graph = depthwise->graph;
    const struct graph_node *node = depthwise->node;
    const struct graph_window *window = &node->conv.window;
    const struct graph_shape *shape = &graph_input(graph, node, 0)->shape;
    size_t rows = graph_output(graph, node, 0)->shape.dim[1], have = 0;
    struct depthwise band = *depthwise;
    const struct dense_rest rest = {.function = layer->function};
    float *expanded = scratch + own_len(layer);

    band.in = expanded;
    band.ring = ring_of(shape);
    band.num_rows = (band.ring - window->kernel[0]) / window->stride[0] + 1;
    if (layer->dense_int8)
        dense_int8_quantize_input(layer->dense_int8, in, scratch, member);
    for (band.first = 0; band.first < rows; band.first += band.num_rows) {
        size_t need;

        if (band.num_rows > rows - band.first)
            band.num_rows = rows - band.first;
        need = rows_for(window, band.first + band.num_rows - 1, shape->dim[1]);
        if (need > have && layer->dense)
            dense_run_rows(layer->dense, expanded, in, &rest, band.ring, have,
                           need - have, member);
        else if (need > have)
            dense_int8_run_rows(layer->dense_int8, expanded, &rest, band.ring,
                                have, need - have, scratch, member);
        have = need > have ? need : have;
        depthwise_run(&band, member);
    }
}
