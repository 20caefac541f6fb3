/* Operators that look at pictures through a window, and their borders. */

#include "engine/onnx/onnx_reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How many axes the window has: 2, unless kernel_shape says otherwise. */
static size_t count_axes(struct onnx_reader *reader)
{
    int64_t kernel[GRAPH_MAX_RANK];
    size_t count = 2;

    return onnx_attribute_ints(reader, "kernel_shape", kernel, GRAPH_MAX_RANK,
                               &count) &&
                   (count == 1 || count == 3)
               ? count
               : 2;
}

/* Reads a window of two axes; one of one axis, which is that of the rows (the
 * columns have length 1); or one of three that moves along the first alone,
 * which is that of the columns (widen makes it so). */
static bool convert_window(struct onnx_reader *reader,
                           struct graph_window *window)
{
    size_t num = count_axes(reader);
    size_t kernel[3] = {0}, stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1};
    size_t pads[6] = {0}; /* before, after */

    if (!onnx_attribute_sizes(reader, "kernel_shape", kernel, num, 1) ||
        !onnx_attribute_sizes(reader, "strides", stride, num, 1) ||
        !onnx_attribute_sizes(reader, "dilations", dilation, num, 1) ||
        !onnx_attribute_sizes(reader, "pads", pads, 2 * num, 0))
        return false;
    for (size_t i = 1; num == 3 && i < 3; i++)
        if (kernel[i] != 1 || stride[i] != 1 || pads[i] + pads[3 + i] > 0)
            return fail(reader->err, ERROR_UNSUPPORTED,
                        "attribute kernel_shape has 3 numbers; only images "
                        "with 2 spatial dimensions are supported");
    if (num == 1)
        kernel[1] = 1;
    for (size_t i = 0; i < 2; i++) {
        size_t from = num == 3 ? 1 - i : i;

        window->kernel[i] = kernel[from];
        window->stride[i] = stride[from];
        window->dilation[i] = dilation[from];
        window->pad_before[i] = from < num ? pads[from] : 0;
        window->pad_after[i] = from < num ? pads[num + from] : 0;
    }
    window->auto_pad = GRAPH_PAD_GIVEN;
    if (onnx_attribute_is(reader, "auto_pad", "SAME_UPPER"))
        window->auto_pad = GRAPH_PAD_SAME_UPPER;
    else if (onnx_attribute_is(reader, "auto_pad", "SAME_LOWER"))
        window->auto_pad = GRAPH_PAD_SAME_LOWER;
    else if (onnx_attribute(reader, "auto_pad") &&
             !onnx_attribute_is(reader, "auto_pad", "VALID") &&
             !onnx_attribute_is(reader, "auto_pad", "NOTSET"))
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute auto_pad has an unknown value");
    return true;
}

/* Adds a node on behalf of `node` that makes `to`, or a new value, which is
 * returned; GRAPH_NONE on failure. */
static int add_move(struct onnx_reader *reader, const struct graph_node *node,
                    enum graph_op op, int from, int to,
                    struct graph_node **added)
{
    struct graph *graph = reader->graph;

    if (to == GRAPH_NONE)
        to = graph_add_value(graph, "", graph->values[from].type, reader->err);
    if (to == GRAPH_NONE)
        return GRAPH_NONE;
    *added =
        graph_add_node(graph, op, node->name, node->onnx_op, 1, 1, reader->err);
    if (!*added)
        return GRAPH_NONE;
    (*added)->inputs[0] = from;
    (*added)->outputs[0] = to;
    return to;
}

/* Adds or drops an axis of length 1. */
static int add_reshape(struct onnx_reader *reader,
                       const struct graph_node *node,
                       enum graph_reshape_rule rule, int64_t axis, int from,
                       int to)
{
    struct graph_node *added;

    to = add_move(reader, node, GRAPH_RESHAPE, from, to, &added);
    if (to == GRAPH_NONE)
        return GRAPH_NONE;
    added->reshape.rule = rule;
    added->reshape.raw_axes[0] = axis;
    added->reshape.num_raw_axes = 1;
    return to;
}

static int add_transpose(struct onnx_reader *reader,
                         const struct graph_node *node, const size_t perm[4],
                         int from)
{
    struct graph_node *added;
    int to = add_move(reader, node, GRAPH_TRANSPOSE, from, GRAPH_NONE, &added);

    if (to == GRAPH_NONE)
        return GRAPH_NONE;
    memcpy(added->perm, perm, 4 * sizeof *perm);
    added->num_perm = 4;
    return to;
}

/* Adds the node of a window of one or three axes, between nodes that make
 * pictures of its operand and undo that of its result:
 *
 *     (N, C, L)             is a picture (N, C, L, 1)
 *     (N, 1, D, H, W)       is a picture (N, H, W, D); torch's
 *                           LocalResponseNorm is such a pool over channels */
static bool add_between(struct onnx_reader *reader, struct graph_node *node,
                        bool is_line)
{
    static const size_t last[4] = {0, 2, 3, 1}, back[4] = {0, 3, 1, 2};
    enum graph_reshape_rule first =
        is_line ? GRAPH_RESHAPE_UNSQUEEZE : GRAPH_RESHAPE_SQUEEZE;
    struct graph *graph = reader->graph;
    struct graph_node *added;
    int out = node->outputs[0], made, x;

    for (uint32_t i = 0; i < (node->op == GRAPH_CONV ? 2u : 1u); i++) {
        x = add_reshape(reader, node, first, is_line ? 3 : 1, node->inputs[i],
                        GRAPH_NONE);
        if (x != GRAPH_NONE && !is_line)
            x = add_transpose(reader, node, last, x);
        if (x == GRAPH_NONE)
            return false;
        node->inputs[i] = x;
    }
    made = graph_add_value(graph, "", GRAPH_FLOAT, reader->err);
    added = graph_add_node(graph, node->op, node->name, node->onnx_op, 0, 0,
                           reader->err);
    if (made == GRAPH_NONE || !added)
        return false;
    *added = *node;
    added->outputs[0] = made;
    if (is_line)
        return add_reshape(reader, node, GRAPH_RESHAPE_SQUEEZE, 3, made, out) !=
               GRAPH_NONE;
    made = add_transpose(reader, node, back, made);
    return made != GRAPH_NONE &&
           add_reshape(reader, node, GRAPH_RESHAPE_UNSQUEEZE, 1, made, out) !=
               GRAPH_NONE;
}

/* Takes the node read last, if its window has not two axes, and puts it back
 * between others. */
static bool widen(struct onnx_reader *reader)
{
    size_t num = count_axes(reader);
    struct graph_node node;

    if (num == 2)
        return true;
    node = reader->graph->nodes[--reader->graph->num_nodes];
    if (num == 3 && node.op == GRAPH_CONV)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute kernel_shape has 3 numbers; only images with 2 "
                    "spatial dimensions are supported");
    return add_between(reader, &node, num == 1);
}

static bool convert_conv(struct onnx_reader *reader, struct graph_node *node)
{
    int64_t groups = onnx_attribute_int(reader, "group", 1);

    if (groups < 1 || groups > INT32_MAX)
        return fail(reader->err, ERROR_INPUT, "attribute group is %lld",
                    (long long)groups);
    node->conv.groups = (size_t)groups;
    return convert_window(reader, &node->conv.window) &&
           (node->op != GRAPH_CONV || widen(reader));
}

static bool convert_pool(struct onnx_reader *reader, struct graph_node *node)
{
    for (size_t i = 1; i < reader->node->n_output; i++)
        if (*reader->node->output[i])
            return fail(reader->err, ERROR_UNSUPPORTED,
                        "its second output, of indices, is not supported");
    if (!onnx_attribute(reader, "kernel_shape"))
        return fail(reader->err, ERROR_INPUT, "it has no kernel_shape");
    node->pool.ceil = onnx_attribute_int(reader, "ceil_mode", 0) != 0;
    node->pool.count_pad =
        onnx_attribute_int(reader, "count_include_pad", 0) != 0;
    node->pool.p = onnx_attribute_int(reader, "p", 2);
    return convert_window(reader, &node->pool.window) && widen(reader);
}

/* A window as large as the picture. */
static bool convert_whole_pool(struct onnx_reader *reader,
                               struct graph_node *node)
{
    node->pool.p = onnx_attribute_int(reader, "p", 2);
    node->pool.window =
        (struct graph_window){.stride = {1, 1}, .dilation = {1, 1}};
    return true;
}

static bool convert_deconv(struct onnx_reader *reader, struct graph_node *node)
{
    if (count_axes(reader) != 2)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "only images with 2 spatial dimensions are supported");
    return convert_conv(reader, node) &&
           onnx_attribute_sizes(reader, "output_padding", node->conv.extra, 2,
                                0) &&
           onnx_attribute_sizes(reader, "output_shape", node->conv.target, 2,
                                1);
}

/* Borders are an attribute before opset 11, and an operand after. */
static bool convert_pad(struct onnx_reader *reader, struct graph_node *node)
{
    int64_t pads[2 * GRAPH_MAX_RANK];
    size_t count = 0;

    if (onnx_attribute_is(reader, "mode", "reflect"))
        node->pad.mode = GRAPH_PAD_REFLECT;
    else if (onnx_attribute_is(reader, "mode", "edge"))
        node->pad.mode = GRAPH_PAD_EDGE;
    else if (onnx_attribute_is(reader, "mode", "wrap"))
        node->pad.mode = GRAPH_PAD_WRAP;
    else if (onnx_attribute(reader, "mode") &&
             !onnx_attribute_is(reader, "mode", "constant"))
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute mode has an unknown value");
    node->pad.value = onnx_attribute_float(reader, "value", 0);
    if (!onnx_attribute_ints(reader, "pads", pads, 2 * GRAPH_MAX_RANK, &count))
        return false;
    if (count % 2 != 0)
        return fail(reader->err, ERROR_INPUT, "attribute pads has %zu numbers",
                    count);
    node->pad.num_given = (uint32_t)(count / 2);
    for (size_t i = 0; i < count; i++) {
        if (i < count / 2)
            node->pad.before[i] = pads[i];
        else
            node->pad.after[i - count / 2] = pads[i];
    }
    return true;
}

static bool convert_global_pool(struct onnx_reader *reader,
                                struct graph_node *node)
{
    (void)reader;
    node->reduce.keep_dims = true;
    node->reduce.of_pixels = true;
    return true;
}

/* Finds which of the names an attribute has; the first where there is none. */
static bool read_choice(struct onnx_reader *reader, const char *attribute,
                        const char *const *names, size_t num, unsigned *choice)
{
    *choice = 0;
    if (!onnx_attribute(reader, attribute))
        return true;
    while (*choice < num &&
           !onnx_attribute_is(reader, attribute, names[*choice]))
        ++*choice;
    if (*choice == num)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute %s has a value that is not supported",
                    attribute);
    return true;
}

static bool read_filter(struct onnx_reader *reader, struct graph_node *node)
{
    static const char *const names[] = {"nearest", "linear", "cubic",
                                        "bilinear"};
    unsigned filter;

    if (!read_choice(reader, "mode", names, 4, &filter))
        return false;
    node->resize.filter =
        filter == 3 ? GRAPH_RESIZE_LINEAR : (enum graph_resize_filter)filter;
    return true;
}

/* Upsample, and Resize before opset 11. */
static bool convert_old_resize(struct onnx_reader *reader,
                               struct graph_node *node)
{
    const onnx_attribute_proto *scales = onnx_attribute(reader, "scales");

    node->resize.coordinates = GRAPH_RESIZE_ASYMMETRIC;
    node->resize.rounding = GRAPH_RESIZE_OLD;
    node->resize.scales_at = 1;
    if (scales && scales->n_floats > GRAPH_MAX_RANK)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute scales has %zu numbers", scales->n_floats);
    if (scales && scales->n_floats > 0) {
        memcpy(node->resize.raw_scales, scales->floats,
               scales->n_floats * sizeof *scales->floats);
        node->resize.num_raw_scales = (uint32_t)scales->n_floats;
    }
    return read_filter(reader, node);
}

static bool convert_resize(struct onnx_reader *reader, struct graph_node *node)
{
    /* In the order of the enumerators. */
    static const char *const coordinates[] = {
        "half_pixel",    "pytorch_half_pixel", "half_pixel_symmetric",
        "align_corners", "asymmetric",         "tf_half_pixel_for_nn"};
    static const char *const roundings[] = {
        "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    static const char *const policies[] = {"stretch", "not_larger",
                                           "not_smaller"};
    unsigned coordinate, rounding, policy;

    if (reader->opset < 11)
        return convert_old_resize(reader, node);
    if (onnx_attribute_int(reader, "antialias", 0) != 0)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute antialias is not 0");
    if (!read_choice(reader, "coordinate_transformation_mode", coordinates, 6,
                     &coordinate) ||
        !read_choice(reader, "nearest_mode", roundings, 4, &rounding) ||
        !read_choice(reader, "keep_aspect_ratio_policy", policies, 3, &policy))
        return false;
    node->resize.coordinates = (enum graph_resize_coordinates)coordinate;
    node->resize.rounding = (enum graph_resize_rounding)rounding;
    node->resize.policy = (enum graph_resize_policy)policy;
    node->resize.a = onnx_attribute_float(reader, "cubic_coeff_a", -0.75f);
    node->resize.exclude_outside =
        onnx_attribute_int(reader, "exclude_outside", 0) != 0;
    node->resize.scales_at = 2;
    return read_filter(reader, node) &&
           onnx_attribute_axes(reader, node->resize.raw_axes,
                               &node->resize.num_raw_axes);
}

static bool convert_block(struct onnx_reader *reader, struct graph_node *node)
{
    static const char *const modes[] = {"DCR", "CRD"};
    int64_t size = onnx_attribute_int(reader, "blocksize", 0);
    unsigned mode;

    if (size < 1 || size > INT32_MAX)
        return fail(reader->err, ERROR_INPUT, "attribute blocksize is %lld",
                    (long long)size);
    if (!read_choice(reader, "mode", modes, 2, &mode))
        return false;
    node->block.size = (size_t)size;
    node->block.columns_first = mode == 1;
    return true;
}

static bool convert_tile(struct onnx_reader *reader, struct graph_node *node)
{
    (void)reader;
    node->pad.mode = GRAPH_PAD_WRAP;
    node->pad.tile = true;
    return true;
}

const struct onnx_operator onnx_ops_window[] = {
    {"AveragePool", GRAPH_AVERAGE_POOL, 1, 1,
     "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides",
     convert_pool},
    {"Conv", GRAPH_CONV, 2, 3,
     "auto_pad dilations group kernel_shape pads strides", convert_conv},
    {"ConvTranspose", GRAPH_DECONV, 2, 3,
     "auto_pad dilations group kernel_shape output_padding output_shape pads "
     "strides",
     convert_deconv},
    {"DepthToSpace", GRAPH_DEPTH_TO_SPACE, 1, 1, "blocksize mode",
     convert_block},
    {"GlobalAveragePool", GRAPH_MEAN, 1, 1, "", convert_global_pool},
    {"GlobalLpPool", GRAPH_LP_POOL, 1, 1, "p", convert_whole_pool},
    {"GlobalMaxPool", GRAPH_MAX_POOL, 1, 1, "", convert_whole_pool},
    {"LpPool", GRAPH_LP_POOL, 1, 1,
     "auto_pad ceil_mode dilations kernel_shape p pads strides", convert_pool},
    {"MaxPool", GRAPH_MAX_POOL, 1, 1,
     "auto_pad ceil_mode dilations kernel_shape pads storage_order strides",
     convert_pool},
    {"Pad", GRAPH_PAD, 1, 4, "mode pads value", convert_pad},
    {"Resize", GRAPH_RESIZE, 1, 4,
     "antialias axes coordinate_transformation_mode cubic_coeff_a "
     "exclude_outside extrapolation_value keep_aspect_ratio_policy mode "
     "nearest_mode",
     convert_resize},
    {"SpaceToDepth", GRAPH_SPACE_TO_DEPTH, 1, 1, "blocksize", convert_block},
    {"Tile", GRAPH_PAD, 2, 2, "", convert_tile},
    {"Upsample", GRAPH_RESIZE, 1, 2, "mode scales", convert_old_resize},
    {0},
};
