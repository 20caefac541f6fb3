#include "engine/network/layers_field.h"

#include <math.h>
#include <string.h>

/* The node whose field is computed. */
struct step {
    const struct graph *graph;
    const struct graph_node *node;
    const struct layers_field *fields; /* (num_values) */
    struct layers_field *out;
};

/* Cells that cannot be followed to pixels. */
static const struct layers_span lost = {-INFINITY, INFINITY, 0};

/* Every cell depends on all pixels, but there still is one every `stride`. */
static struct layers_span blurred(struct layers_span span)
{
    return (struct layers_span){-INFINITY, INFINITY, span.stride};
}

static const struct graph_shape *shape_of(const struct step *step, uint32_t i)
{
    return &graph_input(step->graph, step->node, i)->shape;
}

static const struct graph_shape *out_shape(const struct step *step)
{
    return &graph_output(step->graph, step->node, 0)->shape;
}

static const struct layers_field *field_of(const struct step *step, uint32_t i)
{
    return &step->fields[step->node->inputs[i]];
}

static bool is_split(const struct graph_picture *picture)
{
    return picture->height > 0 && picture->rows != picture->columns;
}

/* The output's axis with rows (k = 0) or columns (1). */
static uint32_t axis_of(const struct step *step, int k)
{
    return k == 0 ? step->out->picture.rows : step->out->picture.columns;
}

/* The span of operand 0's rows or columns, if they are on the axis on which the
 * output's are: not where the image was turned. */
static struct layers_span along(const struct step *step, int k)
{
    const struct layers_field *x = field_of(step, 0);
    uint32_t axis = k == 0 ? x->picture.rows : x->picture.columns;

    return is_split(&x->picture) && axis == axis_of(step, k) ? x->span[k]
                                                             : lost;
}

/* ---- the union ---- */

/* Whether operand i has the output's cells. */
static bool has_cells(const struct step *step, uint32_t i)
{
    const struct graph_picture *x = &field_of(step, i)->picture;
    const struct graph_picture *y = &step->out->picture;
    uint32_t rank = shape_of(step, i)->rank, more = out_shape(step)->rank;

    return rank <= more && x->height == y->height && x->width == y->width &&
           x->rows + (more - rank) == y->rows &&
           x->columns + (more - rank) == y->columns;
}

/* Returns false if the two have different strides. */
static bool unite(struct layers_span *with, struct layers_span span)
{
    if (with->stride > 0 && span.stride > 0 &&
        fabs(with->stride - span.stride) > 1e-9 * span.stride)
        return false;
    with->first = fmin(with->first, span.first);
    with->last = fmax(with->last, span.last);
    if (span.stride > 0)
        with->stride = span.stride;
    return true;
}

/* Adds the cells of the operands that depend on the image, from operand `from`
 * on. */
static void add_operands(struct step *step, uint32_t from)
{
    for (int k = 0; k < 2; k++) {
        struct layers_span *span = &step->out->span[k];
        bool fits = true;

        for (uint32_t i = from; fits && i < step->node->num_inputs; i++)
            if (step->node->inputs[i] != GRAPH_NONE &&
                field_of(step, i)->from_image)
                fits =
                    unite(span, has_cells(step, i) ? field_of(step, i)->span[k]
                                                   : lost);
        if (!fits)
            *span = lost;
    }
}

/* Of each cell of all operands, such as a sum. */
static void by_cell(struct step *step)
{
    step->out->span[0] = step->out->span[1] =
        (struct layers_span){INFINITY, -INFINITY, 0};
    add_operands(step, 0);
}

/* ---- windows ---- */

/* A window that moves over operand 0: (kernel - 1) dilation + 1 cells. */
static struct layers_span windowed(struct layers_span x, double cells,
                                   double stride, double pad)
{
    return (struct layers_span){
        .first = x.first - pad * x.stride,
        .last = x.last + (cells - 1 - pad) * x.stride,
        .stride = x.stride * stride,
    };
}

/* Of transposed convolution: cell i of the output gets something of cell j if
 * i = j stride - pad + t dilation for a t below the kernel's size. */
static struct layers_span unwindowed(struct layers_span x, double cells,
                                     double stride, double pad)
{
    return (struct layers_span){
        .first = x.first + (pad - (cells - 1)) * x.stride / stride,
        .last = x.last + pad * x.stride / stride,
        .stride = x.stride / stride,
    };
}

static void by_window(struct step *step)
{
    const struct graph_node *node = step->node;
    bool is_conv = node->op == GRAPH_CONV || node->op == GRAPH_DECONV;
    const struct graph_window *window =
        is_conv ? &node->conv.window : &node->pool.window;

    for (int k = 0; k < 2; k++) {
        uint32_t d = axis_of(step, k) - (node->nhwc ? 1 : 2);
        double cells =
            (double)((window->kernel[d] - 1) * window->dilation[d] + 1);
        double stride = (double)window->stride[d];
        double pad = (double)window->pad_before[d];

        step->out->span[k] =
            node->op == GRAPH_DECONV
                ? unwindowed(along(step, k), cells, stride, pad)
                : windowed(along(step, k), cells, stride, pad);
    }
    add_operands(step, 1);
}

static void by_block(struct step *step)
{
    double size = (double)step->node->block.size;

    for (int k = 0; k < 2; k++) {
        struct layers_span x = along(step, k);

        step->out->span[k] = step->node->op == GRAPH_SPACE_TO_DEPTH
                                 ? windowed(x, size, size, 0)
                                 : unwindowed(x, size, size, 0);
    }
}

/* ---- resizing ---- */

/* Where cell i of the output lies on the input's axis, as i times the result
 * plus *offset. */
static double step_of(double *offset, const struct graph_node *node,
                      uint32_t axis, size_t length, size_t out_length)
{
    double scale = node->resize.scale[axis];

    *offset = 0.5 / scale - 0.5;
    switch (node->resize.coordinates) {
    case GRAPH_RESIZE_ALIGN_CORNERS:
        *offset = 0;
        return out_length == 1
                   ? 0
                   : (double)(length - 1) / (double)(out_length - 1);
    case GRAPH_RESIZE_ASYMMETRIC:
        *offset = 0;
        break;
    case GRAPH_RESIZE_TENSORFLOW:
        *offset = 0.5 / scale;
        break;
    case GRAPH_RESIZE_SYMMETRIC:
        *offset += ((double)length - (double)out_length / scale) / 2;
        break;
    default:
        break;
    }
    return 1 / scale;
}

/* The first and last cell that are read for a position; a hair of it is left
 * to rounding. */
static void taps_of(double *first, double *last, const struct graph_node *node,
                    double at)
{
    const double hair = 1e-5;

    switch (node->resize.filter) {
    case GRAPH_RESIZE_CUBIC:
        *first = floor(at - hair) - 1;
        *last = floor(at + hair) + 2;
        return;
    case GRAPH_RESIZE_LINEAR:
        *first = floor(at + hair);
        *last = ceil(at - hair);
        return;
    default:
        break;
    }
    switch (node->resize.rounding) {
    case GRAPH_RESIZE_PREFER_FLOOR:
    case GRAPH_RESIZE_PREFER_CEIL:
        *first = ceil(at - 0.5 - hair);
        *last = floor(at + 0.5 + hair);
        break;
    default:
        *first = floor(at - hair);
        *last = ceil(at + hair);
        break;
    }
}

static struct layers_span resized(const struct step *step, int k)
{
    uint32_t axis = axis_of(step, k);
    size_t length = shape_of(step, 0)->dim[axis];
    size_t out_length = out_shape(step)->dim[axis];
    struct layers_span x = along(step, k), y;
    double offset, first, last;
    double each = step_of(&offset, step->node, axis, length, out_length);

    if (length == out_length && step->node->resize.scale[axis] == 1)
        return x;
    y = (struct layers_span){INFINITY, -INFINITY, each * x.stride};
    for (size_t i = 0; i < out_length; i++) {
        taps_of(&first, &last, step->node, (double)i * each + offset);
        y.first =
            fmin(y.first, x.first + (first - (double)i * each) * x.stride);
        y.last = fmax(y.last, x.last + (last - (double)i * each) * x.stride);
    }
    return y.stride > 0 ? y : lost;
}

static void by_resize(struct step *step)
{
    for (int k = 0; k < 2; k++)
        step->out->span[k] = resized(step, k);
}

/* ---- moving ---- */

static void keep(struct step *step)
{
    memcpy(step->out->span, field_of(step, 0)->span, sizeof step->out->span);
}

/* Where rows or columns are divided into blocks, a block is the cell now. */
static void by_reshape(struct step *step)
{
    const struct graph_picture *x = &field_of(step, 0)->picture;
    const struct graph_picture *y = &step->out->picture;

    keep(step);
    for (int k = 0; k < 2; k++) {
        double block = k == 0 ? (double)x->height / (double)y->height
                              : (double)x->width / (double)y->width;

        step->out->span[k] = windowed(step->out->span[k], block, block, 0);
    }
}

static void by_slice(struct step *step)
{
    const struct graph_node *node = step->node;

    keep(step);
    if (!is_split(&field_of(step, 0)->picture))
        return;
    for (int k = 0; k < 2; k++) {
        uint32_t axis = axis_of(step, k);

        step->out->span[k] =
            windowed(step->out->span[k], 1, (double)node->slice.step[axis],
                     -(double)node->slice.start[axis]);
    }
}

/* Cells that only get others around them. */
static void by_pad(struct step *step)
{
    const struct layers_field *x = field_of(step, 0);
    const struct graph_shape *shape = out_shape(step);

    if (!is_split(&x->picture))
        return;
    step->out->picture = x->picture;
    step->out->picture.height = shape->dim[x->picture.rows];
    step->out->picture.width = shape->dim[x->picture.columns];
    for (int k = 0; k < 2; k++)
        step->out->span[k] = windowed(
            x->span[k], 1, 1, (double)step->node->pad.before[axis_of(step, k)]);
}

/* Channels of all operands, or one image between other elements. */
static void by_concat(struct step *step)
{
    uint32_t axis = (uint32_t)step->node->axis;

    if (axis != step->out->picture.rows && axis != step->out->picture.columns) {
        by_cell(step);
        return;
    }
    for (uint32_t i = 0; i < step->node->num_inputs; i++)
        if (field_of(step, i)->picture.height > 0)
            memcpy(step->out->span, field_of(step, i)->span,
                   sizeof step->out->span);
}

/* ---- statistics ---- */

static bool is_over(const struct graph_node *node, uint32_t axis)
{
    switch (node->op) {
    case GRAPH_NORM:
        return node->norm.axis[axis];
    case GRAPH_BATCH_NORM:
        return node->training;
    default:
        return axis == (uint32_t)node->axis ||
               (node->to_matrix && axis > (uint32_t)node->axis);
    }
}

/* Of the cell itself, and of all along the axes that are normalized. */
static void by_norm(struct step *step)
{
    by_cell(step);
    for (int k = 0; k < 2; k++)
        if (is_over(step->node, axis_of(step, k)))
            step->out->span[k] = blurred(step->out->span[k]);
}

/* ---- the table ---- */

/* How the fields of an operation's output come about. Without a rule they are
 * lost. */
static void (*const rules[GRAPH_NUM_OPS])(struct step *step) = {
    [GRAPH_ADD] = by_cell,
    [GRAPH_SUB] = by_cell,
    [GRAPH_MUL] = by_cell,
    [GRAPH_DIV] = by_cell,
    [GRAPH_POW] = by_cell,
    [GRAPH_MIN] = by_cell,
    [GRAPH_MAX] = by_cell,
    [GRAPH_PRELU] = by_cell,
    [GRAPH_WHERE] = by_cell,
    [GRAPH_UNARY] = by_cell,
    [GRAPH_CLAMP] = by_cell,
    [GRAPH_CAST] = by_cell,
    [GRAPH_IDENTITY] = by_cell,
    [GRAPH_QUANTIZE] = by_cell,
    [GRAPH_DEQUANTIZE] = by_cell,
    [GRAPH_LRN] = by_cell, /* over channels */
    [GRAPH_CONV] = by_window,
    [GRAPH_DECONV] = by_window,
    [GRAPH_MAX_POOL] = by_window,
    [GRAPH_AVERAGE_POOL] = by_window,
    [GRAPH_LP_POOL] = by_window,
    [GRAPH_SPACE_TO_DEPTH] = by_block,
    [GRAPH_DEPTH_TO_SPACE] = by_block,
    [GRAPH_RESIZE] = by_resize,
    [GRAPH_RESHAPE] = by_reshape,
    [GRAPH_SLICE] = by_slice,
    [GRAPH_PAD] = by_pad,
    [GRAPH_CONCAT] = by_concat,
    [GRAPH_TRANSPOSE] = keep,
    [GRAPH_LINEAR] = keep, /* along other axes, or there is no image */
    [GRAPH_MEAN] = keep,
    [GRAPH_REDUCE] = keep,
    [GRAPH_GATHER] = keep,
    [GRAPH_NORM] = by_norm,
    [GRAPH_BATCH_NORM] = by_norm,
    [GRAPH_SOFTMAX] = by_norm,
    [GRAPH_LOG_SOFTMAX] = by_norm,
};

static bool depends_on_image(const struct step *step)
{
    const struct graph_node *node = step->node;

    for (uint32_t i = 0; i < node->num_inputs; i++)
        if (node->inputs[i] != GRAPH_NONE && field_of(step, i)->from_image)
            return !graph_op_has(node->op, GRAPH_OF_SHAPE);
    return false;
}

void layers_field_find(struct layers_field *fields, const struct graph *graph,
                       const struct graph_picture *pictures)
{
    for (size_t v = 0; v < graph->num_values; v++)
        fields[v] =
            (struct layers_field){.picture = pictures[v], .span = {lost, lost}};
    for (size_t i = 0; i < graph->num_inputs; i++) {
        struct layers_field *input = &fields[graph->inputs[i]];

        input->from_image = true;
        input->span[0] = input->span[1] = (struct layers_span){.stride = 1};
    }
    for (size_t n = 0; n < graph->num_nodes; n++) {
        const struct graph_node *node = &graph->nodes[n];
        struct step step = {.graph = graph, .node = node, .fields = fields};

        if (!depends_on_image(&step))
            continue;
        for (uint32_t i = 0; i < node->num_outputs; i++)
            fields[node->outputs[i]].from_image = true;
        step.out = &fields[node->outputs[0]];
        if (rules[node->op] && node->inputs[0] != GRAPH_NONE &&
            (step.out->picture.height > 0 || node->op == GRAPH_PAD))
            rules[node->op](&step);
    }
}

double layers_field_size(const struct layers_span *span)
{
    /* A hair against rounding of strides that are fractions. */
    return floor(span->last - span->first + 1e-6) + 1;
}
