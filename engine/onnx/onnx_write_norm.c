/* Writes what sums over axes: means, reductions, normalizations; and what
 * quantizes. */

#include "engine/onnx/onnx_write.h"
#include "engine/onnx/onnx_writer.h"

const char *onnx_write_batch_norm(struct onnx_writer *w, const char *op)
{
    const char *x = onnx_write_plain(w, op);

    onnx_writer_float(w, "epsilon", w->node->epsilon);
    return x;
}

/* ---- reductions ---- */

/* Lists the marked axes; returns how many they are. */
static size_t list_axes(int64_t axes[GRAPH_MAX_RANK],
                        const bool marked[GRAPH_MAX_RANK], uint32_t rank)
{
    size_t num = 0;

    for (uint32_t i = 0; i < rank; i++)
        if (marked[i])
            axes[num++] = i;
    return num;
}

const char *onnx_write_mean(struct onnx_writer *w, const char *op)
{
    int64_t axes[GRAPH_MAX_RANK];
    size_t num =
        list_axes(axes, w->node->reduce.axis, onnx_writer_shape(w, 0)->rank);

    if (num == 0) /* no axes would mean all */
        return onnx_writer_refuse(w, "a reduction over no axis cannot be "
                                     "written");
    return onnx_writer_reduce(w, op, onnx_writer_in(w, 0), axes, num,
                              w->node->reduce.keep_dims);
}

const char *onnx_write_reduce(struct onnx_writer *w, const char *op)
{
    static const char *const names[] = {
        [GRAPH_REDUCE_SUM] = "ReduceSum",
        [GRAPH_REDUCE_MAX] = "ReduceMax",
        [GRAPH_REDUCE_MIN] = "ReduceMin",
        [GRAPH_REDUCE_PROD] = "ReduceProd",
        [GRAPH_REDUCE_L1] = "ReduceL1",
        [GRAPH_REDUCE_L2] = "ReduceL2",
        [GRAPH_REDUCE_SUM_SQUARE] = "ReduceSumSquare",
        [GRAPH_REDUCE_LOG_SUM] = "ReduceLogSum",
        [GRAPH_REDUCE_LOG_SUM_EXP] = "ReduceLogSumExp",
    };

    (void)op;
    return onnx_write_mean(w, names[w->node->reduce.function]);
}

/* ---- normalizations ---- */

/* How elements are normalized: over axes of x in a shape that has the elements
 * of one group along an axis of their own. */
struct norm {
    struct graph_shape shape;
    int64_t axes[GRAPH_MAX_RANK];
    size_t num_axes;
};

static struct norm read_norm(const struct onnx_writer *w)
{
    const struct graph_node *node = w->node;
    struct norm norm = {.shape = *onnx_writer_shape(w, 0)};
    size_t groups = node->norm.groups;

    if (groups > 0) {
        norm.shape = (struct graph_shape){
            .rank = 3, .dim = {norm.shape.dim[0], groups, 1}};
        norm.shape.dim[2] = graph_shape_count(onnx_writer_shape(w, 0)) /
                            (norm.shape.dim[0] * groups);
        norm.axes[0] = 2;
        norm.num_axes = 1;
    } else {
        norm.num_axes = list_axes(norm.axes, node->norm.axis, norm.shape.rank);
    }
    return norm;
}

static const char *mean_of(struct onnx_writer *w, const struct norm *norm,
                           const char *x)
{
    return onnx_writer_reduce(w, "ReduceMean", x, norm->axes, norm->num_axes,
                              true);
}

/* x minus its mean, unless that is 0 by definition */
static const char *centred(struct onnx_writer *w, const struct norm *norm,
                           const char *x)
{
    return w->node->norm.about_zero
               ? x
               : onnx_writer_two(w, "Sub", x, mean_of(w, norm, x));
}

/* sqrt(mean of squares of d + epsilon) */
static const char *deviation(struct onnx_writer *w, const struct norm *norm,
                             const char *d)
{
    const char *square = onnx_writer_two(w, "Mul", d, d);

    square = onnx_writer_two(w, "Add", mean_of(w, norm, square),
                             onnx_writer_number(w, w->node->norm.epsilon));
    return onnx_writer_one(w, "Sqrt", square);
}

/* Scale or bias as it broadcasts to x in its own shape, or in groups. */
static const char *parameter(struct onnx_writer *w, uint32_t i, bool of_groups)
{
    const struct graph_shape *shape = onnx_writer_shape(w, i);
    struct graph_shape wide = {
        .rank = of_groups ? 2 : onnx_writer_shape(w, 0)->rank - 1,
        .dim = {shape->dim[0]},
    };

    if (w->node->norm.groups == 0)
        return onnx_writer_in(w, i);
    for (uint32_t k = 1; k < wide.rank; k++)
        wide.dim[k] = 1;
    return onnx_writer_reshape(w, onnx_writer_in(w, i), shape, &wide);
}

static const char *scaled(struct onnx_writer *w, const char *x, bool of_groups)
{
    if (onnx_writer_has(w, 1))
        x = onnx_writer_two(w, "Mul", x, parameter(w, 1, of_groups));
    if (onnx_writer_has(w, 2))
        x = onnx_writer_two(w, "Add", x, parameter(w, 2, of_groups));
    return x;
}

/* Whether scale and bias are for groups of channels. */
static bool is_scaled_by_group(const struct onnx_writer *w)
{
    uint32_t i = onnx_writer_has(w, 1) ? 1 : 2;

    return w->node->norm.groups > 0 && onnx_writer_has(w, i) &&
           onnx_writer_shape(w, i)->dim[0] !=
               onnx_writer_shape(w, 0)->dim[w->node->norm.channel];
}

const char *onnx_write_norm(struct onnx_writer *w, const char *op)
{
    struct norm norm = read_norm(w);
    const struct graph_shape *shape = onnx_writer_shape(w, 0);
    bool of_groups = is_scaled_by_group(w);
    const char *x =
        onnx_writer_reshape(w, onnx_writer_in(w, 0), shape, &norm.shape);
    const char *d = centred(w, &norm, x);

    (void)op;
    x = onnx_writer_two(w, "Div", d, deviation(w, &norm, d));
    if (of_groups)
        x = scaled(w, x, true);
    x = onnx_writer_reshape(w, x, &norm.shape, shape);
    return of_groups ? x : scaled(w, x, false);
}

/* With n the normalized x: (g - mean of g - n mean of g n) / deviation. */
const char *onnx_write_norm_gradient(struct onnx_writer *w, const char *op)
{
    struct norm norm = read_norm(w);
    const struct graph_shape *shape = onnx_writer_shape(w, 0);
    const char *x =
        onnx_writer_reshape(w, onnx_writer_in(w, 0), shape, &norm.shape);
    const char *g =
        onnx_writer_reshape(w, onnx_writer_in(w, 1), shape, &norm.shape);
    const char *d = centred(w, &norm, x), *root = deviation(w, &norm, d);
    const char *along;

    (void)op;
    x = onnx_writer_two(w, "Div", d, root);
    along = mean_of(w, &norm, onnx_writer_two(w, "Mul", g, x));
    g = onnx_writer_two(w, "Sub", centred(w, &norm, g),
                        onnx_writer_two(w, "Mul", x, along));
    g = onnx_writer_two(w, "Div", g, root);
    return onnx_writer_reshape(w, g, &norm.shape, shape);
}

/* The channels around each, of an even number too, for which runtimes have no
 * LRN. */
static const char *sum_of_channels(struct onnx_writer *w, const char *x)
{
    struct graph_shape shape = *onnx_writer_shape(w, 0);
    struct onnx_writer_mix mix = {.axis = w->node->lrn.channel};
    size_t length = shape.dim[mix.axis], before = (w->node->lrn.size - 1) / 2;
    int64_t *index;
    float *weight;

    mix.length = length;
    mix.taps = w->node->lrn.size;
    index = onnx_writer_take(w, length * mix.taps, sizeof *index);
    weight = onnx_writer_take(w, length * mix.taps, sizeof *weight);
    if (!index || !weight)
        return NULL;
    for (size_t i = 0; i < length * mix.taps; i++) {
        size_t at = i / mix.taps + i % mix.taps;

        if (at >= before && at - before < length) {
            index[i] = (int64_t)(at - before);
            weight[i] = 1;
        }
    }
    mix.index = index;
    mix.weight = weight;
    return onnx_writer_mixed(w, x, &shape, &mix);
}

/* x / (bias + alpha / size * sum of squares)^beta */
static const char *spelt_out_lrn(struct onnx_writer *w)
{
    const struct graph_node *node = w->node;
    const char *x = onnx_writer_in(w, 0), *sum;
    float share = node->lrn.alpha / (float)node->lrn.size;

    sum = sum_of_channels(w, onnx_writer_two(w, "Mul", x, x));
    sum = onnx_writer_two(w, "Mul", sum, onnx_writer_number(w, share));
    sum = onnx_writer_two(w, "Add", sum, onnx_writer_number(w, node->lrn.bias));
    sum = onnx_writer_two(w, "Pow", sum, onnx_writer_number(w, node->lrn.beta));
    return onnx_writer_two(w, "Div", x, sum);
}

const char *onnx_write_lrn(struct onnx_writer *w, const char *op)
{
    const struct graph_node *node = w->node;
    const char *x;

    if (node->lrn.size % 2 == 0 || node->lrn.channel != 1 ||
        onnx_writer_shape(w, 0)->rank != 4)
        return spelt_out_lrn(w);
    x = onnx_write_plain(w, op);
    onnx_writer_int(w, "size", (int64_t)node->lrn.size);
    onnx_writer_float(w, "alpha", node->lrn.alpha);
    onnx_writer_float(w, "beta", node->lrn.beta);
    onnx_writer_float(w, "bias", node->lrn.bias);
    return x;
}

/* ---- quantized numbers ---- */

/* One of each block for each element of it. */
static const char *of_blocks(struct onnx_writer *w, const char *x,
                             struct graph_shape shape)
{
    size_t axis = (size_t)w->node->quant.axis;
    size_t length = onnx_writer_shape(w, 0)->dim[axis];
    struct onnx_writer_mix mix = {.axis = axis, .length = length, .taps = 1};
    int64_t *index = onnx_writer_take(w, length, sizeof *index);
    float *ones = onnx_writer_take(w, length, sizeof *ones);

    if (!index || !ones)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        index[i] = (int64_t)(i / w->node->quant.block);
        ones[i] = 1;
    }
    mix.index = index;
    mix.weight = ones;
    return onnx_writer_mixed(w, x, &shape, &mix);
}

/* Scale or zero point, as floats that broadcast to x. */
static const char *quant_parameter(struct onnx_writer *w, uint32_t i)
{
    const struct graph_shape *shape = onnx_writer_shape(w, i);
    struct graph_shape wide = {.rank = onnx_writer_shape(w, 0)->rank};

    if (w->node->quant.block > 0)
        return of_blocks(w, onnx_writer_floats_in(w, i), *shape);
    if (graph_shape_count(shape) == 1)
        return onnx_writer_floats_in(w, i);
    for (uint32_t k = 0; k < wide.rank; k++)
        wide.dim[k] = 1;
    wide.dim[w->node->quant.axis] = graph_shape_count(shape);
    return onnx_writer_reshape(w, onnx_writer_floats_in(w, i), shape, &wide);
}

/* As floats that are integers, which is what the graph has. */
const char *onnx_write_quantize(struct onnx_writer *w, const char *op)
{
    const char *x = onnx_writer_in(w, 0);

    x = onnx_writer_two(w, "Div", x, quant_parameter(w, 1));
    x = onnx_writer_one(w, "Round", x);
    if (onnx_writer_has(w, 2))
        x = onnx_writer_two(w, "Add", x, quant_parameter(w, 2));
    return onnx_writer_node(
        w, op,
        (const char *const[]){x, onnx_writer_number(w, w->node->quant.low),
                              onnx_writer_number(w, w->node->quant.high)},
        3);
}

const char *onnx_write_dequantize(struct onnx_writer *w, const char *op)
{
    const char *x = onnx_writer_floats_in(w, 0);

    if (onnx_writer_has(w, 2))
        x = onnx_writer_two(w, "Sub", x, quant_parameter(w, 2));
    return onnx_writer_two(w, op, x, quant_parameter(w, 1));
}
