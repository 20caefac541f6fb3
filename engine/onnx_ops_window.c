/* Operators that look at pictures through a window, and their borders. */

#include "onnx_reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool convert_window(struct onnx_reader *reader,
                           struct graph_window *window)
{
    size_t pads[4] = {0, 0, 0, 0}; /* top, left, bottom, right */

    *window = (struct graph_window){
        .stride = {1, 1},
        .dilation = {1, 1},
    };
    if (!onnx_attribute_sizes(reader, "kernel_shape", window->kernel, 2, 1) ||
        !onnx_attribute_sizes(reader, "strides", window->stride, 2, 1) ||
        !onnx_attribute_sizes(reader, "dilations", window->dilation, 2, 1) ||
        !onnx_attribute_sizes(reader, "pads", pads, 4, 0))
        return false;
    if (onnx_attribute_is(reader, "auto_pad", "SAME_UPPER"))
        window->auto_pad = GRAPH_PAD_SAME_UPPER;
    else if (onnx_attribute_is(reader, "auto_pad", "SAME_LOWER"))
        window->auto_pad = GRAPH_PAD_SAME_LOWER;
    else if (onnx_attribute(reader, "auto_pad") &&
             !onnx_attribute_is(reader, "auto_pad", "VALID") &&
             !onnx_attribute_is(reader, "auto_pad", "NOTSET"))
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute auto_pad has an unknown value");
    for (int i = 0; i < 2; i++) {
        window->pad_before[i] = pads[i];
        window->pad_after[i] = pads[2 + i];
    }
    return true;
}

static bool convert_conv(struct onnx_reader *reader, struct graph_node *node)
{
    int64_t groups = onnx_attribute_int(reader, "group", 1);

    if (groups < 1 || groups > INT32_MAX)
        return fail(reader->err, ERROR_INPUT, "attribute group is %lld",
                    (long long)groups);
    node->conv.groups = (size_t)groups;
    return convert_window(reader, &node->conv.window);
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
    return convert_window(reader, &node->pool.window);
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
    node->reduce.given = true;
    node->reduce.keep_dims = true;
    node->reduce.raw_axes[0] = 2;
    node->reduce.raw_axes[1] = 3;
    node->reduce.num_raw_axes = 2;
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
