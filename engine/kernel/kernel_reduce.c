/* Kernels that reduce over some axes: reductions and normalizations. */

#include "engine/kernel/kernel_wide.h"

#include <math.h>
#include <string.h>

/* Some axes of an array, in order, with the stride of each in this array and in
 * another one that is walked in parallel. */
struct axes {
    size_t num;
    size_t length[GRAPH_MAX_RANK + 1];
    int64_t step[GRAPH_MAX_RANK + 1], other[GRAPH_MAX_RANK + 1];
};

/* A position on axes. `= {0}` is the start. */
struct position {
    size_t index[GRAPH_MAX_RANK + 1];
    int64_t at, other;
};

static void add_axis(struct axes *axes, size_t length, int64_t step,
                     int64_t other)
{
    axes->length[axes->num] = length;
    axes->step[axes->num] = step;
    axes->other[axes->num++] = other;
}

/* Moves on along the first `num` axes; returns false at the end. */
static bool next(struct position *position, const struct axes *axes, size_t num)
{
    for (size_t i = num; i-- > 0;) {
        position->at += axes->step[i];
        position->other += axes->other[i];
        if (++position->index[i] < axes->length[i])
            return true;
        position->at -= axes->step[i] * (int64_t)axes->length[i];
        position->other -= axes->other[i] * (int64_t)axes->length[i];
        position->index[i] = 0;
    }
    return false;
}

static size_t count_of(const struct axes *axes)
{
    size_t count = 1;

    for (size_t i = 0; i < axes->num; i++)
        count *= axes->length[i];
    return count;
}

static double number_at(const struct kernel_call *call, int64_t i)
{
    return kernel_in(call, 0)->type == GRAPH_INT
               ? (double)((const int64_t *)call->inputs[0])[i]
               : (double)((const float *)call->inputs[0])[i];
}

/* ---- reductions ---- */

/* The initial value of a reduction. */
static double start_of(enum graph_reduction function)
{
    switch (function) {
    case GRAPH_REDUCE_MAX:
        return -INFINITY;
    case GRAPH_REDUCE_MIN:
        return INFINITY;
    case GRAPH_REDUCE_PROD:
        return 1;
    default:
        return 0;
    }
}

static double joined(enum graph_reduction function, double sum, double x)
{
    switch (function) {
    case GRAPH_REDUCE_MAX:
        return x > sum || isnan(x) ? x : sum;
    case GRAPH_REDUCE_MIN:
        return x < sum || isnan(x) ? x : sum;
    case GRAPH_REDUCE_PROD:
        return sum * x;
    case GRAPH_REDUCE_L1:
        return sum + fabs(x);
    case GRAPH_REDUCE_L2:
    case GRAPH_REDUCE_SUM_SQUARE:
        return sum + x * x;
    default:
        return sum + x;
    }
}

/* Reduces the elements from `start` on along the axes. For LogSumExp, e to the
 * power of each element minus `largest` is summed. */
static double join(const struct kernel_call *call, const struct axes *axes,
                   int64_t start, enum graph_reduction function, double largest)
{
    double sum = start_of(function);
    struct position position = {.at = start};

    if (count_of(axes) == 0)
        return sum;
    do {
        double x = number_at(call, position.at);

        sum =
            joined(function, sum,
                   function == GRAPH_REDUCE_LOG_SUM_EXP ? exp(x - largest) : x);
    } while (next(&position, axes, axes->num));
    return sum;
}

static double reduced(const struct kernel_call *call, const struct axes *axes,
                      int64_t start)
{
    enum graph_reduction function = call->node->reduce.function;
    double largest = 0, sum;

    if (call->node->op == GRAPH_MEAN)
        return join(call, axes, start, GRAPH_REDUCE_SUM, 0) /
               (double)count_of(axes);
    if (function == GRAPH_REDUCE_LOG_SUM_EXP)
        largest = join(call, axes, start, GRAPH_REDUCE_MAX, 0);
    if (isinf(largest))
        return largest;
    sum = join(call, axes, start, function, largest);
    switch (function) {
    case GRAPH_REDUCE_L2:
        return sqrt(sum);
    case GRAPH_REDUCE_LOG_SUM:
    case GRAPH_REDUCE_LOG_SUM_EXP:
        return log(sum) + largest;
    default:
        return sum;
    }
}

bool kernel_reduce(const struct kernel_call *call)
{
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    struct axes kept = {0}, gone = {0};
    struct position position = {0};
    int64_t stride[GRAPH_MAX_RANK];
    size_t i = 0;

    if (kernel_wide_reduce(call))
        return true;
    kernel_strides(x, stride);
    for (uint32_t d = 0; d < x->rank; d++)
        add_axis(call->node->reduce.axis[d] ? &gone : &kept, x->dim[d],
                 stride[d], 0);
    do {
        double sum = reduced(call, &gone, position.at);

        if (call->to->type == GRAPH_INT)
            ((int64_t *)call->out)[i++] = kernel_to_int(sum);
        else
            ((float *)call->out)[i++] = kernel_clamped(call->node, (float)sum);
    } while (next(&position, &kept, kept.num));
    return true;
}

/* ---- normalizations ---- */

/* Splits the axes into those that are kept and those over which numbers are
 * normalized to mean 0 and variance 1, with their strides in scale and bias. */
static void split_axes(const struct kernel_call *call, struct axes *kept,
                       struct axes *gone)
{
    const struct graph_node *node = call->node;
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    int64_t stride[GRAPH_MAX_RANK], other[GRAPH_MAX_RANK] = {0};
    size_t groups = node->norm.groups, channel = node->norm.channel;

    kernel_strides(x, stride);
    if (groups == 0 && kernel_in(call, 1))
        kernel_broadcast_strides(call, 1, other);
    for (uint32_t d = 0; d < x->rank; d++) {
        if (groups > 0 && d == channel) {
            size_t length = x->dim[d] / groups;
            /* Scale and bias have one value for each channel, or for each
             * group. */
            bool each = kernel_in(call, 1) &&
                        graph_shape_count(&kernel_in(call, 1)->shape) > groups;

            add_axis(kept, groups, stride[d] * (int64_t)length,
                     each ? (int64_t)length : 1);
            add_axis(gone, length, stride[d], each ? 1 : 0);
        } else {
            add_axis(node->norm.axis[d] ? gone : kept, x->dim[d], stride[d],
                     other[d]);
        }
    }
}

/* The sum of (x - mean)^power from `start` on; power is 1 or 2. */
static double sum_of(const float *x, const struct axes *axes, int64_t start,
                     double mean, int power)
{
    size_t last = axes->num - 1, length = axes->length[last];
    int64_t step = axes->step[last];
    struct position row = {.at = start};
    double sum = 0;

    do {
        const float *from = x + row.at;

        for (size_t i = 0; i < length; i++) {
            double difference = (double)from[(int64_t)i * step] - mean;

            sum += power == 2 ? difference * difference : difference;
        }
    } while (next(&row, axes, last));
    return sum;
}

bool kernel_norm(const struct kernel_call *call)
{
    const float *x = call->inputs[0], *bias = NULL, *scale = NULL;
    struct axes kept = {0}, gone = {0};
    struct position start = {0};

    if (kernel_norm_wide(call))
        return true;
    if (call->node->num_inputs > 1)
        scale = call->inputs[1];
    if (call->node->num_inputs > 2)
        bias = call->inputs[2];
    split_axes(call, &kept, &gone);
    if (gone.num == 0) /* each number by itself */
        add_axis(&gone, 1, 0, 0);
    do {
        double count = (double)count_of(&gone);
        double mean = call->node->norm.about_zero
                          ? 0
                          : sum_of(x, &gone, start.at, 0, 1) / count;
        double variance = sum_of(x, &gone, start.at, mean, 2) / count;
        float shift = (float)mean;
        float factor =
            (float)(1 / sqrt(variance + (double)call->node->norm.epsilon));
        size_t last = gone.num - 1, length = gone.length[last];
        int64_t step = gone.step[last], other = gone.other[last];
        struct position row = start;

        memset(row.index, 0, sizeof row.index);
        do {
            for (int64_t i = 0; i < (int64_t)length; i++) {
                float y = (x[row.at + i * step] - shift) * factor;

                if (scale)
                    y *= scale[row.other + i * other];
                if (bias)
                    y += bias[row.other + i * other];
                ((float *)call->out)[row.at + i * step] =
                    kernel_clamped(call->node, y);
            }
        } while (next(&row, &gone, last));
    } while (next(&start, &kept, kept.num));
    return true;
}

/* The means of g and of g times x as it is normalized, from `start` on. */
static void mean_of_products(const struct kernel_call *call,
                             const struct axes *axes, struct position start,
                             double mean, double factor, double means[2])
{
    const float *x = call->inputs[0], *g = call->inputs[1];

    means[0] = means[1] = 0;
    memset(start.index, 0, sizeof start.index);
    do {
        means[0] += (double)g[start.at];
        means[1] += (double)g[start.at] * ((double)x[start.at] - mean) * factor;
    } while (next(&start, axes, axes->num));
    means[0] /= (double)count_of(axes);
    means[1] /= (double)count_of(axes);
}

/* With n = (x - mean) factor, the factor being 1 / sqrt(variance + epsilon):
 * factor (g - mean of g - n mean of g n). */
bool kernel_norm_gradient(const struct kernel_call *call)
{
    const float *x = call->inputs[0], *g = call->inputs[1];
    bool about_zero = call->node->norm.about_zero;
    struct axes kept = {0}, gone = {0};
    struct position start = {0};

    split_axes(call, &kept, &gone);
    if (gone.num == 0) /* each number by itself */
        add_axis(&gone, 1, 0, 0);
    do {
        double count = (double)count_of(&gone), means[2];
        double mean = about_zero ? 0 : sum_of(x, &gone, start.at, 0, 1) / count;
        double variance = sum_of(x, &gone, start.at, mean, 2) / count;
        double factor = 1 / sqrt(variance + (double)call->node->norm.epsilon);
        struct position at = start;

        mean_of_products(call, &gone, start, mean, factor, means);
        if (about_zero)
            means[0] = 0;
        memset(at.index, 0, sizeof at.index);
        do {
            double n = ((double)x[at.at] - mean) * factor;

            ((float *)call->out)[at.at] =
                (float)(factor * ((double)g[at.at] - means[0] - n * means[1]));
        } while (next(&at, &gone, gone.num));
    } while (next(&start, &kept, kept.num));
    return true;
}

/* ---- across channels ---- */

/* x / (bias + alpha / size * sum of squares)^beta, with the sum over `size`
 * channels around each. */
bool kernel_lrn(const struct kernel_call *call)
{
    const struct graph_shape *shape = &kernel_in(call, 0)->shape;
    const struct graph_node *node = call->node;
    size_t channels = shape->dim[node->lrn.channel], inner = 1, block;
    size_t before = (node->lrn.size - 1) / 2;
    size_t after = node->lrn.size - 1 - before;
    float share = node->lrn.alpha / (float)node->lrn.size;
    float beta = node->lrn.beta;

    for (uint32_t i = (uint32_t)node->lrn.channel + 1; i < shape->rank; i++)
        inner *= shape->dim[i];
    block = channels * inner;
    before = before < channels ? before : channels - 1;
    after = after < channels ? after : channels - 1;
    for (size_t start = 0; start < call->count; start += block) {
        const float *restrict x = (const float *)call->inputs[0] + start;
        float *restrict out = (float *)call->out + start;

        for (size_t i = 0; i < block; i++)
            out[i] = x[i] * x[i];
        for (size_t o = 1; o <= before; o++)
            for (size_t i = o * inner; i < block; i++)
                out[i] += x[i - o * inner] * x[i - o * inner];
        for (size_t o = 1; o <= after; o++)
            for (size_t i = 0; i < block - o * inner; i++)
                out[i] += x[i + o * inner] * x[i + o * inner];
        for (size_t i = 0; i < block; i++)
            out[i] = node->lrn.bias + share * out[i];
        if (beta == 0.75f) /* the exponent in AlexNet and GoogLeNet */
            for (size_t i = 0; i < block; i++)
                out[i] = x[i] / (sqrtf(out[i]) * sqrtf(sqrtf(out[i])));
        else
            for (size_t i = 0; i < block; i++)
                out[i] = x[i] * powf(out[i], -beta);
    }
    return true;
}
