/* torch's LocalResponseNorm. */

#include "engine/passes/graph_fuse.h"

#include <math.h>
#include <string.h>

static bool has_shape(const struct graph *graph, int value, uint32_t rank,
                      const size_t *dim)
{
    struct graph_shape shape = {.rank = rank};

    memcpy(shape.dim, dim, rank * sizeof *dim);
    return graph_shape_equal(&graph->values[value].shape, &shape);
}

/* Whether the value is the mean of the squares of x, (N, C, H, W), over `size`
 * channels around each channel. The squares are padded with zeros along the
 * channels, get an axis before them, and are pooled as an image. Every shape on
 * the way is checked, so that each reshape only adds or removes an axis. */
static bool is_mean_of_channels(const struct graph *graph, int value, int x,
                                size_t *size)
{
    static const size_t to_last[] = {0, 2, 3, 1}, from_last[] = {0, 3, 1, 2};
    const size_t *dim = graph->values[x].shape.dim;
    const struct graph_node *back, *pool, *there, *pad, *square;
    const struct graph_window *window;
    size_t before, wide;

    value = graph_behind_reshapes(graph, value);
    back = graph_fuse_maker(graph, value, GRAPH_TRANSPOSE);
    pool = back ? graph_fuse_maker(graph, back->inputs[0], GRAPH_AVERAGE_POOL)
                : NULL;
    there =
        pool ? graph_fuse_maker(graph, pool->inputs[0], GRAPH_TRANSPOSE) : NULL;
    if (!there || memcmp(back->perm, from_last, sizeof from_last) != 0 ||
        memcmp(there->perm, to_last, sizeof to_last) != 0)
        return false;
    pad = graph_fuse_maker(
        graph, graph_behind_reshapes(graph, there->inputs[0]), GRAPH_PAD);
    if (!pad || pad->pad.mode != GRAPH_PAD_CONSTANT || pad->pad.value != 0)
        return false;
    window = &pool->pool.window;
    *size = window->kernel[1];
    before = (size_t)pad->pad.before[2];
    wide = dim[1] + 2 * before;
    if (*size != 2 * before + 1 || (size_t)pad->pad.after[2] != before ||
        window->kernel[0] != 1 || window->stride[0] != 1 ||
        window->stride[1] != 1 || window->pad_before[0] ||
        window->pad_before[1] || window->pad_after[0] || window->pad_after[1])
        return false;
    square = graph_fuse_maker(
        graph, graph_behind_reshapes(graph, pad->inputs[0]), GRAPH_MUL);
    return square && square->inputs[0] == x && square->inputs[1] == x &&
           graph_fuse_is_clamped(square, -INFINITY, INFINITY) &&
           has_shape(graph, pad->inputs[0], 5,
                     (size_t[]){dim[0], 1, dim[1], dim[2], dim[3]}) &&
           has_shape(graph, pad->outputs[0], 5,
                     (size_t[]){dim[0], 1, wide, dim[2], dim[3]}) &&
           has_shape(graph, there->inputs[0], 4,
                     (size_t[]){dim[0], wide, dim[2], dim[3]}) &&
           has_shape(graph, back->outputs[0], 4, dim);
}

/* x / (bias + alpha mean)^beta */
void graph_fuse_lrn(struct graph *graph, struct graph_node *node)
{
    int x = node->inputs[0], power = node->inputs[1], sum, mean;
    const struct graph_node *root = graph_fuse_maker(graph, power, GRAPH_UNARY);
    double bias, alpha;
    float beta;
    size_t size;

    if (!root || (root->unary.function != GRAPH_POWER &&
                  root->unary.function != GRAPH_SQRT))
        return;
    beta = root->unary.function == GRAPH_SQRT ? 0.5f : root->unary.alpha;
    if (graph->values[x].shape.rank != 4 ||
        !graph_fuse_is_with(graph, root->inputs[0], GRAPH_ADD, -INFINITY,
                            INFINITY, &sum, &bias) ||
        !graph_fuse_is_scaled(graph, sum, &mean, &alpha) ||
        !graph_shape_equal(&graph->values[mean].shape,
                           &graph->values[x].shape) ||
        !graph_shape_equal(&graph_output(graph, node, 0)->shape,
                           &graph->values[x].shape) ||
        !is_mean_of_channels(graph, mean, x, &size))
        return;
    node->op = GRAPH_LRN;
    node->num_inputs = 1;
    node->lrn.channel = 1;
    node->lrn.size = size;
    node->lrn.alpha = (float)alpha;
    node->lrn.beta = beta;
    node->lrn.bias = (float)bias;
}
