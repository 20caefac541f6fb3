/* DESIGN: First all panels of all matrices are packed, then all rows are
 * multiplied; both in pieces that threads share. A factor of the product is
 * packed with the second operand. */

#include "engine/run/product.h"

#include <string.h>

enum {
    BLOCK_TILES = 4, /* of rows, that take turns with a panel */
};

struct work {
    const struct graph_node *node;
    const struct dense_kernel *kernel;
    const float *a, *b;
    float *out, *packed; /* packed: (matrices, panels, depth, lanes) */
    struct graph_shape stack;
    size_t stride_a[GRAPH_MAX_RANK], stride_b[GRAPH_MAX_RANK];
    size_t rows, depth, columns, num_panels;
    size_t row_b, column_b; /* strides of b as it is multiplied */
};

bool product_supports(const struct graph *graph, const struct graph_node *node)
{
    return node->op == GRAPH_MATMUL && node->num_inputs == 2 &&
           !node->gemm.transpose_a && node->min < node->max &&
           graph_input(graph, node, 0)->shape.rank > 1 &&
           graph_input(graph, node, 1)->shape.rank > 1 &&
           graph_shape_count(&graph_output(graph, node, 0)->shape) > 0 &&
           graph_shape_count(&graph_input(graph, node, 0)->shape) > 0 &&
           dense_has_kernel();
}

/* An operand's strides from matrix to matrix: 0 where it is broadcast. */
static void find_strides(size_t stride[GRAPH_MAX_RANK],
                         const struct graph_shape *shape,
                         const struct graph_shape *stack)
{
    uint32_t missing = stack->rank - (shape->rank - 2);
    size_t step = shape->dim[shape->rank - 1] * shape->dim[shape->rank - 2];

    for (uint32_t i = stack->rank; i-- > 0;) {
        size_t length = i < missing ? 1 : shape->dim[i - missing];

        stride[i] = length == 1 ? 0 : step;
        step *= length;
    }
}

static void describe(struct work *work, const struct graph *graph,
                     const struct graph_node *node)
{
    const struct graph_shape *a = &graph_input(graph, node, 0)->shape;
    const struct graph_shape *b = &graph_input(graph, node, 1)->shape;

    work->node = node;
    work->stack = graph_output(graph, node, 0)->shape;
    work->stack.rank -= 2;
    find_strides(work->stride_a, a, &work->stack);
    find_strides(work->stride_b, b, &work->stack);
    work->rows = a->dim[a->rank - 2];
    work->depth = a->dim[a->rank - 1];
    work->row_b = b->dim[b->rank - 1];
    work->column_b = 1;
    work->columns = work->row_b;
    if (node->gemm.transpose_b) {
        work->column_b = work->row_b;
        work->row_b = 1;
        work->columns = b->dim[b->rank - 2];
    }
}

static size_t padded(const struct work *work)
{
    return (work->columns + DENSE_MAX_LANES - 1) / DENSE_MAX_LANES *
           DENSE_MAX_LANES;
}

/* The panels, and as many zeros as a panel has lanes. */
size_t product_scratch_len(const struct graph *graph,
                           const struct graph_node *node)
{
    struct work work = {0};

    describe(&work, graph, node);
    return graph_shape_count(&work.stack) * work.depth * padded(&work) +
           DENSE_MAX_LANES;
}

/* Where matrix m of an operand begins. */
static size_t place(const struct graph_shape *stack, const size_t *stride,
                    size_t m)
{
    size_t at = 0;

    for (uint32_t i = stack->rank; i-- > 0;) {
        at += m % stack->dim[i] * stride[i];
        m /= stack->dim[i];
    }
    return at;
}

static size_t lanes_at(const struct work *work, size_t panel)
{
    size_t lanes = work->kernel->lanes, left = work->columns - panel * lanes;

    return left < lanes ? left : lanes;
}

static float *panel_of(const struct work *work, size_t m, size_t panel)
{
    return work->packed +
           (m * work->num_panels + panel) * work->depth * work->kernel->lanes;
}

/* Some panels of some matrices. */
static void pack(const struct team_task *task, size_t thread, const size_t *at,
                 const size_t *len)
{
    const struct work *work = task->context;
    size_t m = at[0], p = at[1], used = lanes_at(work, p);
    size_t lanes = dense_tile_lanes(work->kernel, used);
    const float *from = work->b + place(&work->stack, work->stride_b, m) +
                        p * work->kernel->lanes * work->column_b;
    float *to = panel_of(work, m, p), alpha = work->node->gemm.alpha;

    (void)thread;
    (void)len; /* one of each */
    for (size_t k = 0; k < work->depth; k++, to += lanes) {
        const float *row = from + k * work->row_b;

        if (work->column_b == 1)
            memcpy(to, row, used * sizeof *to);
        else
            for (size_t l = 0; l < used; l++)
                to[l] = row[l * work->column_b];
        for (size_t l = 0; alpha != 1 && l < used; l++)
            to[l] *= alpha;
        for (size_t l = used; l < lanes; l++)
            to[l] = 0;
    }
}

/* Some rows of one matrix. */
static void multiply(const struct team_task *task, size_t thread,
                     const size_t *at, const size_t *len)
{
    const struct work *work = task->context;
    const struct dense_kernel *kernel = work->kernel;
    const float *a = work->a + place(&work->stack, work->stride_a, at[0]);
    const struct dense_rest none = {0};
    const float *rows[DENSE_MAX_PIXELS];
    size_t pixels[DENSE_MAX_PIXELS], end = at[1] + len[1];
    struct dense_tile tile = {
        .inputs = rows,
        .weights_at = (const size_t[]){0},
        .num_runs = 1,
        .length = work->depth,
        .bias = work->packed - DENSE_MAX_LANES,
        .min = work->node->min,
        .max = work->node->max,
        .rest = &none,
        .out = work->out + at[0] * work->rows * work->columns,
        .pixels = pixels,
    };

    (void)thread;
    for (size_t p = 0; p < work->num_panels; p++)
        for (size_t first = at[1]; first < end; first += kernel->pixels) {
            tile.num_pixels =
                end - first < kernel->pixels ? end - first : kernel->pixels;
            for (size_t i = 0; i < kernel->pixels; i++) {
                size_t row =
                    first + (i < tile.num_pixels ? i : tile.num_pixels - 1);

                rows[i] = a + row * work->depth;
                pixels[i] = row * work->columns;
            }
            tile.panel = panel_of(work, at[0], p);
            tile.channel = p * kernel->lanes;
            tile.num_lanes = lanes_at(work, p);
            kernel->run(&tile);
        }
}

void product_run(const struct graph *graph, const struct graph_node *node,
                 const struct dense_kernel *kernel, float *out, const float *a,
                 const float *b, float *scratch, struct team_member *member)
{
    struct work work = {
        .kernel = kernel ? kernel : dense_tile_best(),
        .a = a,
        .b = b,
        .out = out,
        .packed = scratch + DENSE_MAX_LANES,
    };
    struct team_task task = {
        .call = pack,
        .context = &work,
        .num_dimensions = 2,
        .flush_denormals = true,
    };

    describe(&work, graph, node);
    work.num_panels =
        (work.columns + work.kernel->lanes - 1) / work.kernel->lanes;
    memset(scratch, 0, DENSE_MAX_LANES * sizeof *scratch);
    task.ranges[0] = graph_shape_count(&work.stack);
    task.ranges[1] = work.num_panels;
    task.steps[0] = task.steps[1] = 1;
    team_run(member, &task);
    task.call = multiply;
    task.ranges[1] = work.rows;
    task.steps[1] = BLOCK_TILES * work.kernel->pixels;
    team_run(member, &task);
}
