/* Reductions along lines and columns. */

#include "engine/kernel/kernel_wide.h"

#include <math.h>

enum {
    COLUMNS = 256, /* at a time */
    LANES = 16,
};

bool kernel_wide_view(struct kernel_wide_view *view,
                      const struct graph_shape *shape, const bool *gone)
{
    uint32_t i = 0;

    *view = (struct kernel_wide_view){1, 1, 1};
    for (; i < shape->rank && !gone[i]; i++)
        view->outer *= shape->dim[i];
    for (; i < shape->rank && gone[i]; i++)
        view->rows *= shape->dim[i];
    for (; i < shape->rank && !gone[i]; i++)
        view->columns *= shape->dim[i];
    return i == shape->rank && view->rows > 0;
}

/* A number that is taken into a sum, an extreme or a product so far. */
KERNEL_WIDE_INLINE double joined(enum graph_reduction function, double so_far,
                                 double x)
{
    switch (function) {
    case GRAPH_REDUCE_MAX:
        return x > so_far || x != x ? x : so_far;
    case GRAPH_REDUCE_MIN:
        return x < so_far || x != x ? x : so_far;
    case GRAPH_REDUCE_L1:
        return so_far + fabs(x);
    case GRAPH_REDUCE_L2:
    case GRAPH_REDUCE_SUM_SQUARE:
        return so_far + x * x;
    default:
        return so_far + x;
    }
}

/* Takes rows of numbers, `apart` floats from one another, into sums. */
KERNEL_WIDE_INLINE void take(enum graph_reduction function,
                             double *restrict sum, const float *restrict x,
                             size_t rows, size_t apart, size_t count)
{
    for (size_t r = 0; r < rows; r++, x += apart)
        for (size_t c = 0; c < count; c++)
            sum[c] = joined(function, sum[c], (double)x[c]);
}

KERNEL_WIDE_BODY(take_rows)
(enum graph_reduction function, double *restrict sum, const float *restrict x,
 size_t rows, size_t apart, size_t count)
{
    switch (function) {
#define X(function)                                 \
    case function:                                  \
        take(function, sum, x, rows, apart, count); \
        break;
        X(GRAPH_REDUCE_MAX)
        X(GRAPH_REDUCE_MIN)
        X(GRAPH_REDUCE_L1)
        X(GRAPH_REDUCE_L2)
#undef X
    case GRAPH_REDUCE_SUM_SQUARE:
        take(GRAPH_REDUCE_L2, sum, x, rows, apart, count);
        break;
    default:
        take(GRAPH_REDUCE_SUM, sum, x, rows, apart, count);
    }
}
KERNEL_WIDE(take_rows,
            (enum graph_reduction function, double *restrict sum,
             const float *restrict x, size_t rows, size_t apart, size_t count),
            (function, sum, x, rows, apart, count))

struct reduction {
    const struct graph_node *node;
    const float *x;
    float *out;
    struct kernel_wide_view view;
    enum graph_reduction function;
};

static void finish(const struct reduction *reduction, const double *sum,
                   float *out, size_t count)
{
    double rows = (double)reduction->view.rows;

    for (size_t c = 0; c < count; c++) {
        double result = sum[c];

        if (reduction->node->op == GRAPH_MEAN)
            result /= rows;
        else if (reduction->function == GRAPH_REDUCE_L2)
            result = sqrt(result);
        out[c] = kernel_clamped(reduction->node, (float)result);
    }
}

static double start_of(enum graph_reduction function)
{
    return function == GRAPH_REDUCE_MAX   ? -INFINITY
           : function == GRAPH_REDUCE_MIN ? INFINITY
                                          : 0;
}

/* A line, LANES of its numbers at a time. */
static void run_line(const struct reduction *reduction, size_t line)
{
    size_t length = reduction->view.rows, rows = length / LANES;
    const float *x = reduction->x + line * length;
    double sum[LANES], start = start_of(reduction->function), whole;

    for (size_t i = 0; i < LANES; i++)
        sum[i] = start;
    take_rows(reduction->function, sum, x, rows, LANES, LANES);
    take_rows(reduction->function, sum, x + rows * LANES, 1, LANES,
              length - rows * LANES);
    whole = sum[0];
    for (size_t i = 1; i < LANES; i++)
        whole = joined(reduction->function == GRAPH_REDUCE_MAX ||
                               reduction->function == GRAPH_REDUCE_MIN
                           ? reduction->function
                           : GRAPH_REDUCE_SUM,
                       whole, sum[i]);
    finish(reduction, &whole, reduction->out + line, 1);
}

static void run_columns(const struct team_task *task, size_t thread,
                        const size_t *at, const size_t *len)
{
    const struct reduction *reduction = task->context;
    size_t rows = reduction->view.rows, columns = reduction->view.columns;
    double sum[COLUMNS], start = start_of(reduction->function);

    (void)thread;
    if (columns == 1) {
        for (size_t i = at[0]; i < at[0] + len[0]; i++)
            run_line(reduction, i);
        return;
    }
    for (size_t i = at[0]; i < at[0] + len[0]; i++) {
        for (size_t c = 0; c < len[1]; c++)
            sum[c] = start;
        take_rows(reduction->function, sum,
                  reduction->x + i * rows * columns + at[1], rows, columns,
                  len[1]);
        finish(reduction, sum, reduction->out + i * columns + at[1], len[1]);
    }
}

static bool supports(enum graph_reduction function)
{
    return function == GRAPH_REDUCE_SUM || function == GRAPH_REDUCE_MAX ||
           function == GRAPH_REDUCE_MIN || function == GRAPH_REDUCE_L1 ||
           function == GRAPH_REDUCE_L2 || function == GRAPH_REDUCE_SUM_SQUARE;
}

bool kernel_wide_reduce(const struct kernel_call *call)
{
    const struct graph_node *node = call->node;
    const struct graph_value *x = kernel_in(call, 0);
    struct reduction reduction = {
        .node = node,
        .x = call->inputs[0],
        .out = call->out,
        .function =
            node->op == GRAPH_MEAN ? GRAPH_REDUCE_SUM : node->reduce.function,
    };
    struct team_task task = {
        .call = run_columns,
        .context = &reduction,
        .num_dimensions = 2,
        .flush_denormals = true,
    };

    if (x->type != GRAPH_FLOAT || call->to->type != GRAPH_FLOAT ||
        !supports(reduction.function) ||
        !kernel_wide_view(&reduction.view, &x->shape, node->reduce.axis))
        return false;
    task.ranges[0] = reduction.view.outer;
    task.ranges[1] = reduction.view.columns;
    task.steps[0] =
        1 + COLUMNS / (reduction.view.rows * reduction.view.columns);
    task.steps[1] = COLUMNS;
    team_run(call->member, &task);
    return true;
}
