/* Writes Resize. */

#include <math.h>

#include "engine/onnx/onnx_write.h"
#include "engine/onnx/onnx_writer.h"

/* Whether the scales as floats make the sizes that there are, as runtimes
 * compute them. */
static bool scales_make_sizes(const struct onnx_writer *w)
{
    const struct graph_shape *x = onnx_writer_shape(w, 0);
    const struct graph_shape *out = onnx_writer_out(w);

    for (uint32_t i = 0; i < x->rank; i++)
        if (floorf((float)x->dim[i] * (float)w->node->resize.scale[i]) !=
            (float)out->dim[i])
            return false;
    return true;
}

/* Whether runtimes find the scales from the sizes. */
static bool sizes_make_scales(const struct onnx_writer *w)
{
    const struct graph_shape *x = onnx_writer_shape(w, 0);
    const struct graph_shape *out = onnx_writer_out(w);

    for (uint32_t i = 0; i < x->rank; i++)
        if (fabs((double)out->dim[i] / (double)x->dim[i] -
                 w->node->resize.scale[i]) > 1e-9)
            return false;
    return true;
}

/* With the scales if they can be, else with the sizes. */
static const char *add_node(struct onnx_writer *w, const char *op)
{
    const struct graph_shape *out = onnx_writer_out(w);
    struct graph_shape list = {.rank = 1, .dim = {out->rank}};
    const char *inputs[] = {onnx_writer_in(w, 0), "", "", ""};
    float *scales;

    if (!scales_make_sizes(w)) {
        inputs[3] = onnx_writer_dims(w, out);
        return onnx_writer_node(w, op, inputs, 4);
    }
    scales = onnx_writer_take(w, out->rank, sizeof *scales);
    for (uint32_t i = 0; scales && i < out->rank; i++)
        scales[i] = (float)w->node->resize.scale[i];
    inputs[2] = onnx_writer_constant(w, GRAPH_FLOAT, &list, scales);
    return onnx_writer_node(w, op, inputs, 3);
}

/* How halves are rounded; before opset 11, up or down with the size. */
static const char *rounding_of(const struct onnx_writer *w)
{
    static const char *const names[] = {
        [GRAPH_RESIZE_PREFER_FLOOR] = "round_prefer_floor",
        [GRAPH_RESIZE_PREFER_CEIL] = "round_prefer_ceil",
        [GRAPH_RESIZE_FLOOR] = "floor",
        [GRAPH_RESIZE_CEIL] = "ceil",
    };
    bool larger = false, smaller = false;

    if (w->node->resize.rounding != GRAPH_RESIZE_OLD)
        return names[w->node->resize.rounding];
    for (uint32_t i = 0; i < onnx_writer_out(w)->rank; i++) {
        larger |= w->node->resize.scale[i] > 1;
        smaller |= w->node->resize.scale[i] < 1;
    }
    return larger && smaller ? NULL : smaller ? "ceil" : "floor";
}

const char *onnx_write_resize(struct onnx_writer *w, const char *op)
{
    static const char *const filters[] = {
        [GRAPH_RESIZE_NEAREST] = "nearest",
        [GRAPH_RESIZE_LINEAR] = "linear",
        [GRAPH_RESIZE_CUBIC] = "cubic",
    };
    static const char *const coordinates[] = {
        [GRAPH_RESIZE_HALF_PIXEL] = "half_pixel",
        [GRAPH_RESIZE_PYTORCH] = "pytorch_half_pixel",
        [GRAPH_RESIZE_SYMMETRIC] = NULL, /* of opset 19 */
        [GRAPH_RESIZE_ALIGN_CORNERS] = "align_corners",
        [GRAPH_RESIZE_ASYMMETRIC] = "asymmetric",
        [GRAPH_RESIZE_TENSORFLOW] = NULL, /* of opsets 11 and 12 */
    };
    const struct graph_node *node = w->node;
    bool is_nearest = node->resize.filter == GRAPH_RESIZE_NEAREST;
    const char *x;

    if (!coordinates[node->resize.coordinates] ||
        (is_nearest && !rounding_of(w)) ||
        (!scales_make_sizes(w) && !sizes_make_scales(w)))
        return onnx_write_resize_along(w);
    x = add_node(w, op);
    onnx_writer_text(w, "mode", filters[node->resize.filter]);
    onnx_writer_text(w, "coordinate_transformation_mode",
                     coordinates[node->resize.coordinates]);
    if (is_nearest)
        onnx_writer_text(w, "nearest_mode", rounding_of(w));
    if (node->resize.filter == GRAPH_RESIZE_CUBIC)
        onnx_writer_float(w, "cubic_coeff_a", node->resize.a);
    if (node->resize.exclude_outside)
        onnx_writer_int(w, "exclude_outside", 1);
    return x;
}
