/* Products, normalizations, reductions and functions, of shapes large and odd,
 * against the reference interpreter: by every kernel that the processor has,
 * and by any number of threads. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/kernel.h"
#include "engine/network/network.h"
#include "engine/run/product.h"
#include "tests/reference.h"
#include "tests/sketch.h"

#include <cmocka.h>

/* Of the largest output: what floats lose in sums of up to 300 products. */
#define TOLERANCE 1e-5

enum { MAX_INPUTS = 3 };

/* A graph of one node, and what is given to it. */
struct small {
    struct graph graph;
    struct reference ref;
    struct sketch_random random;
    int inputs[MAX_INPUTS];
    float *given[MAX_INPUTS], *out;
    size_t count;
    bool turns; /* channels are last */
};

static void begin(struct small *small, size_t seed)
{
    *small = (struct small){.random = {seed + 1}};
}

/* An input, whose numbers are between -2 and 3. */
static int input(struct small *small, struct graph_shape shape, size_t i)
{
    size_t count = graph_shape_count(&shape);

    small->inputs[i] = sketch_input(&small->graph, shape);
    small->given[i] = malloc((count + 1) * sizeof(float));
    assert_non_null(small->given[i]);
    sketch_fill(&small->random, small->given[i], count, -2, 3);
    return small->inputs[i];
}

/* Puts the channels of a normalization last, as graph_layout does. */
static void turn(struct small *small)
{
    struct graph_node *node = &small->graph.nodes[0];

    for (int i = 0; i < 2; i++) {
        int v = i == 0 ? node->inputs[0] : node->outputs[0];
        size_t *dim = small->graph.values[v].shape.dim, channels = dim[1];

        dim[1] = dim[2];
        dim[2] = dim[3];
        dim[3] = channels;
    }
    node->norm.channel = 3;
    node->norm.axis[1] = true;
    node->norm.axis[3] = false;
}

/* Infers the node, and asks the reference. */
static const struct graph_node *ready(struct small *small, float min, float max)
{
    const double *inputs[MAX_INPUTS] = {NULL};
    struct graph_node *node = sketch_last(&small->graph);
    struct error err = {0};

    node->min = min;
    node->max = max;
    sketch_output(&small->graph, node->outputs[0]);
    if (!network_prepare(&small->graph, NETWORK_INFER, &err))
        fail_msg("%s", err.text);
    if (small->turns)
        turn(small);
    for (size_t i = 0; i < small->graph.num_inputs; i++) {
        size_t count = graph_shape_count(
            &small->graph.values[small->graph.inputs[i]].shape);
        double *copy = malloc((count + 1) * sizeof *copy);

        assert_non_null(copy);
        for (size_t k = 0; k < count; k++)
            copy[k] = (double)small->given[i][k];
        inputs[i] = copy;
    }
    if (!reference_run_on(&small->ref, &small->graph, inputs, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < small->graph.num_inputs; i++)
        free((void *)(uintptr_t)inputs[i]);
    node = &small->graph.nodes[small->graph.num_nodes - 1];
    small->count =
        graph_shape_count(&graph_output(&small->graph, node, 0)->shape);
    small->out = malloc((small->count + 1) * sizeof *small->out);
    assert_non_null(small->out);
    return node;
}

static void check(struct small *small, const char *what)
{
    int v = small->graph.outputs[0];
    double *found = malloc((small->count + 1) * sizeof *found), distance;

    assert_non_null(found);
    for (size_t i = 0; i < small->count; i++)
        found[i] = (double)small->out[i];
    distance = reference_distance(small->ref.values[v], found, small->count);
    free(found);
    if (!(distance < TOLERANCE))
        fail_msg("%s is off by %g", what, distance);
}

/* Runs the node alone and with a team, which must not differ. */
static void check_kernel(struct small *small, const struct graph_node *node,
                         struct team *team, const char *what)
{
    const void *operands[MAX_INPUTS] = {NULL};
    struct team_member member;
    struct error err = {0};
    float *alone;

    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_value *value = graph_input(&small->graph, node, i);

        for (size_t k = 0; value && k < small->graph.num_inputs; k++)
            if (node->inputs[i] == small->graph.inputs[k])
                operands[i] = small->given[k];
        if (value && value->data)
            operands[i] = value->data;
    }
    team_member_init(&member, team);
    for (int i = 0; i < 2; i++) {
        if (!kernel_run(&small->graph, node, operands,
                        (void *const[]){small->out}, i == 0 ? NULL : &member,
                        &err))
            fail_msg("%s", err.text);
        team_rest(&member);
        check(small, what);
        if (i == 0) {
            alone = malloc((small->count + 1) * sizeof *alone);
            assert_non_null(alone);
            memcpy(alone, small->out, small->count * sizeof *alone);
        }
    }
    assert_memory_equal(alone, small->out, small->count * sizeof *alone);
    free(alone);
}

static void end(struct small *small)
{
    for (int i = 0; i < MAX_INPUTS; i++)
        free(small->given[i]);
    free(small->out);
    reference_release(&small->ref);
    graph_release(&small->graph);
}

static struct team *new_team(void)
{
    struct error err = {0};
    struct team *team = team_new(3, &err);

    assert_non_null(team);
    return team;
}

/* ---- products ---- */

static void check_product(struct small *small, const struct graph_node *node,
                          const struct dense_kernel *kernel, struct team *team)
{
    struct team_member member;
    float *scratch;

    if (!product_supports(&small->graph, node) || !kernel)
        return; /* no such processor */
    scratch = malloc(product_scratch_len(&small->graph, node) * sizeof(float));
    assert_non_null(scratch);
    team_member_init(&member, team);
    memset(small->out, 0xff, small->count * sizeof *small->out);
    product_run(&small->graph, node, kernel, small->out, small->given[0],
                small->given[1], scratch, &member);
    team_rest(&member);
    free(scratch);
    check(small, "a product");
}

static void products_are_as_the_reference_has_them(void **state)
{
    struct team *team = new_team();

    (void)state;
    for (size_t n = 0; n < 120; n++) {
        struct small small;
        const struct graph_node *node;
        struct graph_shape a, b;
        size_t rows, depth, columns;
        bool turned = n % 3 == 1;

        begin(&small, n);
        rows = 1 + sketch_below(&small.random, 40);
        depth = 1 + sketch_below(&small.random, 50);
        columns = 1 + sketch_below(&small.random, 80);
        a = n % 5 == 0 ? SHAPE(rows, depth)
                       : SHAPE(n % 2 == 0 ? 2 : 1, 3, rows, depth);
        b = turned ? SHAPE(columns, depth) : SHAPE(depth, columns);
        if (n % 4 == 0 && !turned)
            b = SHAPE(3, depth, columns);
        if (turned)
            a = SHAPE(rows, depth); /* Gemm's */
        sketch_node(&small.graph, GRAPH_MATMUL,
                    (int[]){input(&small, a, 0), input(&small, b, 1)}, 2);
        sketch_last(&small.graph)->gemm.alpha = turned ? 0.5f : 1;
        sketch_last(&small.graph)->gemm.transpose_b = turned;
        node = ready(&small, n % 7 == 0 ? -1 : -INFINITY,
                     n % 7 == 0 ? 2 : INFINITY);
        check_product(&small, node, dense_tile_avx2(), NULL);
        check_product(&small, node, dense_tile_avx512(), NULL);
        check_product(&small, node, dense_tile_best(), team);
        check_kernel(&small, node, team, "a plain product");
        end(&small);
    }
    team_free(team);
}

/* ---- normalizations ---- */

static void groups_of_channels(void **state)
{
    struct team *team = new_team();

    (void)state;
    for (size_t n = 0; n < 60; n++) {
        static const size_t widths[] = {1, 2, 3, 8, 16, 64, 100};
        struct small small;
        const struct graph_node *node;
        struct graph_node *made;
        size_t width = widths[n % 7], groups, channels, side, numbers;

        begin(&small, n + 1000);
        groups = 1 + sketch_below(&small.random, 6);
        channels = groups * width;
        numbers = n % 3 == 0 ? groups : channels;
        side = 1 + sketch_below(&small.random, 9);
        sketch_node(
            &small.graph, GRAPH_NORM,
            (int[]){
                input(&small, SHAPE(1 + n % 2, channels, side, side + 3), 0),
                sketch_noise(&small.graph, SHAPE(numbers), &small.random, 0.5f,
                             2),
                sketch_noise(&small.graph, SHAPE(numbers), &small.random, -1,
                             1),
            },
            3);
        made = sketch_last(&small.graph);
        made->norm.rule = GRAPH_NORM_GROUP;
        made->norm.groups = groups;
        made->norm.epsilon = 1e-3f;
        small.turns = n % 2 == 0;
        node = ready(&small, n % 4 == 1 ? 0 : -INFINITY, INFINITY);
        check_kernel(&small, node, team, "a normalization of groups");
        end(&small);
    }
    team_free(team);
}

static void along_any_axes(void **state)
{
    static const size_t axes[][2] = {{0, 1}, {1, 1}, {2, 1}, {3, 1},
                                     {0, 2}, {1, 2}, {2, 2}, {0, 4}};
    struct team *team = new_team();

    (void)state;
    for (size_t n = 0; n < 80; n++) {
        struct graph_shape shape = {.rank = 4}, scale = {.rank = 4};
        const size_t *gone = axes[n % 8];
        struct small small;
        struct graph_node *made;
        int operands[3];

        begin(&small, n + 2000);
        for (size_t i = 0; i < 4; i++) {
            bool is_gone = i >= gone[0] && i < gone[0] + gone[1];

            shape.dim[i] = 1 + sketch_below(&small.random, i == n % 4 ? 40 : 6);
            scale.dim[i] = is_gone ? shape.dim[i] : 1;
        }
        operands[0] = input(&small, shape, 0);
        operands[1] = sketch_noise(&small.graph, scale, &small.random, 0.5f, 2);
        operands[2] = sketch_noise(&small.graph, scale, &small.random, -1, 1);
        sketch_node(&small.graph, GRAPH_NORM, operands,
                    (uint32_t[]){1, 2, 3}[n % 3]);
        made = sketch_last(&small.graph);
        made->norm.rule = GRAPH_NORM_AXES;
        made->norm.epsilon = 1e-2f;
        made->norm.about_zero = n % 5 == 0;
        made->norm.num_raw_axes = (uint32_t)gone[1];
        for (size_t i = 0; i < gone[1]; i++)
            made->norm.raw_axes[i] = (int64_t)(gone[0] + i);
        check_kernel(&small,
                     ready(&small, -INFINITY, n % 9 == 0 ? 1 : INFINITY), team,
                     "a normalization");
        end(&small);
    }
    team_free(team);
}

/* ---- reductions ---- */

static void reductions_of_lines_and_columns(void **state)
{
    struct team *team = new_team();

    (void)state;
    for (int function = -1; function <= GRAPH_REDUCE_SUM_SQUARE; function++)
        for (size_t n = 0; n < 20; n++) {
            struct small small;
            struct graph_node *made;

            begin(&small, n + 3000);
            input(&small,
                  SHAPE(1 + sketch_below(&small.random, 3),
                        1 + sketch_below(&small.random, 5),
                        1 + sketch_below(&small.random, 40),
                        1 + sketch_below(&small.random, n % 2 ? 30 : 300)),
                  0);
            sketch_node(&small.graph, function < 0 ? GRAPH_MEAN : GRAPH_REDUCE,
                        small.inputs, 1);
            made = sketch_last(&small.graph);
            made->reduce.function =
                (enum graph_reduction)(function < 0 ? 0 : function);
            made->reduce.keep_dims = n % 3 == 0;
            made->reduce.num_raw_axes = 1 + n % 2;
            made->reduce.raw_axes[0] = (int64_t)(n % 4);
            made->reduce.raw_axes[1] = (int64_t)((n + 1) % 4);
            /* Products of many numbers grow out of bounds. */
            if (function != GRAPH_REDUCE_PROD)
                check_kernel(&small, ready(&small, -INFINITY, INFINITY), team,
                             "a reduction");
            end(&small);
        }
    team_free(team);
}

/* ---- functions ---- */

static void functions_that_networks_use(void **state)
{
    static const enum graph_function functions[] = {
        GRAPH_SILU, GRAPH_GELU, GRAPH_GELU_TANH, GRAPH_MISH, GRAPH_HARD_SWISH};
    struct team *team = new_team();

    (void)state;
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++)
        for (size_t n = 0; n < 4; n++) {
            struct small small;
            const struct graph_node *node;
            size_t count = (size_t[]){1, 17, 1000, 20001}[n];

            begin(&small, n + 4000);
            input(&small, SHAPE(count), 0);
            for (size_t i = 0; i < count; i++)
                small.given[0][i] *= n % 2 ? 8 : 40;
            sketch_node(&small.graph, GRAPH_UNARY, small.inputs, 1);
            sketch_last(&small.graph)->unary.function = functions[f];
            node = ready(&small, n == 1 ? -1 : -INFINITY, INFINITY);
            check_kernel(&small, node, team, "a function");
            end(&small);
        }
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_as_the_reference_has_them),
        cmocka_unit_test(groups_of_channels),
        cmocka_unit_test(along_any_axes),
        cmocka_unit_test(reductions_of_lines_and_columns),
        cmocka_unit_test(functions_that_networks_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
