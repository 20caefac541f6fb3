/* Normalizations whose numbers lie in lines or columns: layers', groups' and
 * instances', with channels last or first. */

#include "engine/kernel/kernel_wide.h"

#include <math.h>
#include <string.h>

enum {
    LANES = 16,
    NARROW = 64,   /* columns at a time, where each has a scale */
    COLUMNS = 256, /* at most */
    TILE = 8192,   /* numbers of lines at a time */
};

struct norm {
    const struct graph_node *node;
    const float *x, *scale, *bias; /* scale and bias may be NULL */
    float *out;
    struct kernel_wide_view view;
    size_t chunk;        /* columns that are computed together */
    size_t width;        /* columns of a group */
    size_t per_scale;    /* columns that share a scale; 0: a row has one */
    size_t lines, inner; /* inner: numbers of a line that share a scale */
    size_t first_of;     /* scales of a line: from one to the next line's */
    size_t scales;       /* in all */
};

/* ---- lines ---- */

/* The sums of x - pivot and of its square. */
KERNEL_WIDE_BODY(sum_line)
(double sums[2], const float *x, size_t count, double pivot)
{
    double sum[LANES] = {0}, square[LANES] = {0};
    size_t i = 0;

    for (; i + LANES <= count; i += LANES)
        for (size_t j = 0; j < LANES; j++) {
            double d = (double)x[i + j] - pivot;

            sum[j] += d;
            square[j] += d * d;
        }
    for (; i < count; i++) {
        double d = (double)x[i] - pivot;

        sum[0] += d;
        square[0] += d * d;
    }
    sums[0] = sums[1] = 0;
    for (size_t j = 0; j < LANES; j++) {
        sums[0] += sum[j];
        sums[1] += square[j];
    }
}
KERNEL_WIDE(sum_line,
            (double sums[2], const float *x, size_t count, double pivot),
            (sums, x, count, pivot))

/* How numbers are moved and scaled. */
struct change {
    float shift, factor, min, max;
};

KERNEL_WIDE_INLINE float changed(const struct change *change, float x,
                                 float scale, float bias)
{
    float y = (x - change->shift) * change->factor * scale + bias;

    y = y < change->min ? change->min : y; /* NaN stays NaN */
    return y > change->max ? change->max : y;
}

/* One scale and bias for all. */
KERNEL_WIDE_BODY(change_alike)
(float *restrict out, const float *restrict x, size_t count,
 struct change change, float scale, float bias)
{
    for (size_t i = 0; i < count; i++)
        out[i] = changed(&change, x[i], scale, bias);
}
KERNEL_WIDE(change_alike,
            (float *restrict out, const float *restrict x, size_t count,
             struct change change, float scale, float bias),
            (out, x, count, change, scale, bias))

/* One for each; bias may be NULL. */
KERNEL_WIDE_BODY(change_each)
(float *restrict out, const float *restrict x, size_t count,
 struct change change, const float *restrict scale, const float *restrict bias)
{
    if (bias)
        for (size_t i = 0; i < count; i++)
            out[i] = changed(&change, x[i], scale[i], bias[i]);
    else
        for (size_t i = 0; i < count; i++)
            out[i] = changed(&change, x[i], scale[i], 0);
}
KERNEL_WIDE(change_each,
            (float *restrict out, const float *restrict x, size_t count,
             struct change change, const float *restrict scale,
             const float *restrict bias),
            (out, x, count, change, scale, bias))

static void run_line(const struct norm *norm, size_t line)
{
    size_t length = norm->view.rows;
    size_t first = norm->scales > 0 ? line * norm->first_of % norm->scales : 0;
    const float *x = norm->x + line * length;
    float *out = norm->out + line * length;
    bool about_zero = norm->node->norm.about_zero;
    double pivot = about_zero ? 0 : (double)x[0], sums[2], variance;
    struct change change = {.min = norm->node->min, .max = norm->node->max};

    sum_line(sums, x, length, pivot);
    sums[0] /= (double)length;
    variance = sums[1] / (double)length;
    if (!about_zero) {
        variance -= sums[0] * sums[0];
        change.shift = (float)(pivot + sums[0]);
    }
    change.factor = (float)(1 / sqrt((variance > 0 ? variance : variance * 0) +
                                     (double)norm->node->norm.epsilon));
    if (norm->scale && norm->inner == 1) {
        change_each(out, x, length, change, norm->scale + first,
                    norm->bias ? norm->bias + first : NULL);
        return;
    }
    for (size_t i = 0; i < length; i += norm->inner, first++)
        change_alike(out + i, x + i, norm->inner, change,
                     norm->scale ? norm->scale[first] : 1,
                     norm->bias ? norm->bias[first] : 0);
}

static void run_lines(const struct team_task *task, size_t thread,
                      const size_t *at, const size_t *len)
{
    (void)thread;
    for (size_t i = at[0]; i < at[0] + len[0]; i++)
        run_line(task->context, i);
}

/* ---- columns ---- */

/* The sums of x - pivot and of its square, of each column. */
KERNEL_WIDE_BODY(sum_columns)
(double *restrict sum, double *restrict square, const float *restrict x,
 const float *restrict pivot, size_t rows, size_t apart, size_t count)
{
    for (size_t r = 0; r < rows; r++, x += apart)
        for (size_t c = 0; c < count; c++) {
            double d = (double)x[c] - (double)pivot[c];

            sum[c] += d;
            square[c] += d * d;
        }
}
KERNEL_WIDE(sum_columns,
            (double *restrict sum, double *restrict square,
             const float *restrict x, const float *restrict pivot, size_t rows,
             size_t apart, size_t count),
            (sum, square, x, pivot, rows, apart, count))

/* Some columns, and what they are changed by. */
struct columns {
    double sum[COLUMNS], square[COLUMNS];
    float pivot[COLUMNS], shift[COLUMNS], factor[COLUMNS], bias[COLUMNS];
    size_t count;
};

KERNEL_WIDE_BODY(change_row)
(float *restrict out, const float *restrict x,
 const struct columns *restrict columns, struct change change)
{
    for (size_t c = 0; c < columns->count; c++) {
        float y = (x[c] - columns->shift[c]) * columns->factor[c];

        y = y * change.factor + (columns->bias[c] + change.shift);
        y = y < change.min ? change.min : y;
        out[c] = y > change.max ? change.max : y;
    }
}
KERNEL_WIDE(change_row,
            (float *restrict out, const float *restrict x,
             const struct columns *restrict columns, struct change change),
            (out, x, columns, change))

/* Means and variances of the columns become those of groups. */
static void join(struct columns *columns, const struct norm *norm, size_t first)
{
    double rows = (double)norm->view.rows, width = (double)norm->width;
    bool about_zero = norm->node->norm.about_zero;

    for (size_t c = 0; c < columns->count; c++) {
        double mean = columns->sum[c] / rows;

        columns->square[c] /= rows;
        if (!about_zero)
            columns->square[c] -= mean * mean;
        columns->sum[c] = (double)columns->pivot[c] + mean;
    }
    for (size_t g = 0; g < columns->count; g += norm->width) {
        double mean = 0, variance = 0, factor;

        for (size_t c = g; !about_zero && c < g + norm->width; c++)
            mean += columns->sum[c] / width;
        for (size_t c = g; c < g + norm->width; c++) {
            double off = about_zero ? 0 : columns->sum[c] - mean;

            variance += (columns->square[c] + off * off) / width;
        }
        variance = variance > 0 ? variance : variance * 0; /* NaN stays NaN */
        factor = 1 / sqrt(variance + (double)norm->node->norm.epsilon);
        for (size_t c = g; c < g + norm->width; c++) {
            size_t i = norm->per_scale > 0 ? (first + c) / norm->per_scale : 0;
            bool has = norm->per_scale > 0;

            columns->shift[c] = (float)mean;
            columns->factor[c] = (float)factor;
            if (has && norm->scale)
                columns->factor[c] *= norm->scale[i];
            columns->bias[c] = has && norm->bias ? norm->bias[i] : 0;
        }
    }
}

/* Some columns of one matrix. */
static void run_columns(const struct team_task *task, size_t thread,
                        const size_t *at, const size_t *len)
{
    const struct norm *norm = task->context;
    size_t apart = norm->view.columns;
    size_t start = at[0] * norm->view.rows * apart + at[1];
    bool by_row = norm->per_scale == 0;
    struct columns columns;

    (void)thread;
    columns.count = len[1];
    memset(columns.sum, 0, columns.count * sizeof *columns.sum);
    memset(columns.square, 0, columns.count * sizeof *columns.square);
    for (size_t c = 0; c < columns.count; c++)
        columns.pivot[c] = norm->node->norm.about_zero ? 0 : norm->x[start + c];
    sum_columns(columns.sum, columns.square, norm->x + start, columns.pivot,
                norm->view.rows, apart, columns.count);
    join(&columns, norm, at[1]);
    for (size_t r = 0; r < norm->view.rows; r++)
        change_row(norm->out + start + r * apart, norm->x + start + r * apart,
                   &columns,
                   (struct change){
                       .factor = by_row && norm->scale ? norm->scale[r] : 1,
                       .shift = by_row && norm->bias ? norm->bias[r] : 0,
                       .min = norm->node->min,
                       .max = norm->node->max,
                   });
}

/* ---- which is which ---- */

/* Whether a scale of this shape has a number for each element of the axes that
 * are gone, and is the same along the others. */
static bool is_along(const struct kernel_call *call, uint32_t operand)
{
    const struct graph_shape *x = &kernel_in(call, 0)->shape, *own;
    uint32_t missing;

    if (!kernel_in(call, operand))
        return true;
    own = &kernel_in(call, operand)->shape;
    missing = x->rank - own->rank;
    for (uint32_t i = 0; i < x->rank; i++)
        if ((i < missing ? 1 : own->dim[i - missing]) !=
            (call->node->norm.axis[i] ? x->dim[i] : 1))
            return false;
    return true;
}

/* Of a layer, or along any axes. */
static bool find_layer(struct norm *norm, const struct kernel_call *call)
{
    if (!kernel_wide_view(&norm->view, &kernel_in(call, 0)->shape,
                          call->node->norm.axis) ||
        !is_along(call, 1) || !is_along(call, 2))
        return false;
    norm->width = 1;
    norm->chunk = COLUMNS;
    norm->per_scale = 0;
    norm->inner = norm->scale ? 1 : norm->view.rows;
    norm->lines = norm->view.columns == 1 ? norm->view.outer : 0;
    return true;
}

static bool find_groups(struct norm *norm, const struct kernel_call *call)
{
    const struct graph_node *node = call->node;
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    size_t channel = node->norm.channel, groups = node->norm.groups, inner = 1;
    size_t channels = x->dim[channel];
    bool each, gone[GRAPH_MAX_RANK];

    memcpy(gone, node->norm.axis, sizeof gone);
    gone[channel] = false;
    norm->scales =
        norm->scale ? graph_shape_count(&kernel_in(call, 1)->shape) : 0;
    each = norm->scales > groups;
    norm->width = channels / groups;
    if (channel + 1 == x->rank) {
        norm->per_scale = each || !norm->scale ? 1 : norm->width;
        norm->chunk = norm->width > NARROW ? norm->width
                                           : NARROW / norm->width * norm->width;
        return kernel_wide_view(&norm->view, x, gone) &&
               norm->view.columns == channels && norm->chunk <= COLUMNS;
    }
    for (uint32_t i = 0; i < x->rank; i++) {
        if (gone[i] != (i > channel))
            return false;
        inner *= i > channel ? x->dim[i] : 1;
    }
    norm->view.rows = norm->width * inner;
    norm->inner = each ? inner : norm->view.rows;
    norm->first_of = each ? norm->width : 1;
    norm->lines = norm->view.rows > 0 ? call->count / norm->view.rows : 0;
    return norm->lines > 0;
}

bool kernel_norm_wide(const struct kernel_call *call)
{
    const struct graph_node *node = call->node;
    struct norm norm = {
        .node = node,
        .x = call->inputs[0],
        .scale = node->num_inputs > 1 ? call->inputs[1] : NULL,
        .bias = node->num_inputs > 2 ? call->inputs[2] : NULL,
        .out = call->out,
    };
    struct team_task task = {.context = &norm, .flush_denormals = true};

    if (!(node->norm.groups > 0 ? find_groups : find_layer)(&norm, call) ||
        (norm.bias && !norm.scale))
        return false;
    if (norm.lines > 0) {
        task.call = run_lines;
        task.num_dimensions = 1;
        task.ranges[0] = norm.lines;
        task.steps[0] = 1 + TILE / norm.view.rows;
    } else {
        task.call = run_columns;
        task.num_dimensions = 2;
        task.ranges[0] = norm.view.outer;
        task.ranges[1] = norm.view.columns;
        task.steps[0] = 1;
        task.steps[1] = norm.chunk;
    }
    team_run(call->member, &task);
    return true;
}
