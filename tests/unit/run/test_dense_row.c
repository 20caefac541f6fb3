/* Linear layers of one row, whose inputs are often 0, against sums in double:
 * channels that panels and vectors do not divide, what follows a layer, several
 * threads, and numbers that are not finite. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/passes/infer.h"
#include "engine/run/dense_row.h"
#include "tests/sketch.h"

#include <cmocka.h>

#define TOLERANCE 1e-4

enum { NUM_KERNELS = 2 };

/* A layer, its input and what it computes; all owned. */
struct fixture {
    struct graph graph;
    size_t num_in, num_out;
    const float *weights, *bias; /* in the graph; bias: or NULL */
    float *in, *y, *out;         /* y: another operand */
};

static const struct dense_kernel *kernel_of(size_t k)
{
    return k == 0 ? dense_tile_avx2() : dense_tile_avx512();
}

static const struct graph_node *node_of(const struct fixture *fixture)
{
    return &fixture->graph.nodes[fixture->graph.num_nodes - 1];
}

/* Of the inputs, the share `zeros` is 0. */
static void set_up(struct fixture *fixture, size_t num_in, size_t num_out,
                   float zeros, bool has_bias)
{
    struct sketch_random random = {num_in + num_out};
    struct graph *graph = &fixture->graph;
    struct error err = {0};
    int operands[3];

    *fixture = (struct fixture){.num_in = num_in, .num_out = num_out};
    operands[0] = sketch_input(graph, SHAPE(1, num_in));
    operands[1] = sketch_noise(graph, SHAPE(num_out, num_in), &random, -1, 1);
    operands[2] = has_bias ? sketch_noise(graph, SHAPE(num_out), &random, -1, 1)
                           : GRAPH_NONE;
    sketch_output(graph, sketch_node(graph, GRAPH_LINEAR, operands, 3));
    sketch_last(graph)->max = 20;
    if (!graph_infer(graph, &err))
        fail_msg("%s", err.text);
    fixture->weights = graph_floats(graph_input(graph, node_of(fixture), 1));
    fixture->bias =
        has_bias ? graph_floats(graph_input(graph, node_of(fixture), 2)) : NULL;
    fixture->in = malloc(num_in * sizeof *fixture->in);
    fixture->y = malloc(num_out * sizeof *fixture->y);
    fixture->out = calloc(num_out, sizeof *fixture->out);
    assert_true(fixture->in && fixture->y && fixture->out);
    sketch_fill(&random, fixture->in, num_in, -1, 1);
    sketch_fill(&random, fixture->y, num_out, -1, 1);
    for (size_t i = 0; i < num_in; i++)
        if (sketch_between(&random, 0, 1) < zeros)
            fixture->in[i] = i % 2 ? 0.0f : -0.0f;
}

static void tear_down(struct fixture *fixture)
{
    free(fixture->in);
    free(fixture->y);
    free(fixture->out);
    graph_release(&fixture->graph);
}

static void run(struct fixture *fixture, const struct dense_kernel *kernel,
                const struct dense_rest *rest, struct team_member *member)
{
    struct error err = {0};
    struct dense_row *row =
        dense_row_new(&fixture->graph, node_of(fixture), kernel, &err);
    float *scratch;

    assert_non_null(row);
    scratch = malloc(dense_row_scratch_len(row) * sizeof *scratch);
    assert_non_null(scratch);
    dense_row_run(row, fixture->out, fixture->in, rest, scratch, member);
    free(scratch);
    dense_row_free(row);
}

static void expect(const struct fixture *fixture, const struct dense_rest *rest)
{
    for (size_t o = 0; o < fixture->num_out; o++) {
        const float *weights = fixture->weights + o * fixture->num_in;
        double r = fixture->bias ? (double)fixture->bias[o] : 0;
        double found = (double)fixture->out[o];

        for (size_t i = 0; i < fixture->num_in; i++)
            r += (double)fixture->in[i] * (double)weights[i];
        r = fmin(r, 20);
        r += rest->addend ? (double)rest->addend[o] : 0;
        if (rest->y && !(rest->y[o] > rest->low && rest->y[o] < rest->high))
            r = 0;
        if (!(fabs(found - r) <= TOLERANCE * (1 + fabs(r))))
            fail_msg("output %zu is %.9g, not %.9g", o, found, r);
    }
}

static void it_computes_what_doubles_do(void **state)
{
    static const struct {
        size_t in, out;
        float zeros;
        bool bias, adds, gates;
    } cases[] = {
        {1030, 1025, 0.75f, true, false, false},
        {2049, 520, 0.5f, false, true, true},
        {3000, 512, 0, true, true, false},
        {1040, 1040, 1, true, false, true}, /* no input at all */
        {70000, 17, 0.9f, false, false, false},
        {1, 1100000, 0, true, false, false},
        {33, 33000, 0.9f, true, true, true},
    };
    struct error err = {0};
    struct team *team = team_new(3, &err);
    struct team_member member;

    (void)state;
    assert_non_null(team);
    team_member_init(&member, team);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct fixture fixture;
        struct dense_rest rest = {0};

        set_up(&fixture, cases[c].in, cases[c].out, cases[c].zeros,
               cases[c].bias);
        assert_true(dense_row_pays(&fixture.graph, node_of(&fixture)));
        if (cases[c].adds)
            rest.addend = fixture.y;
        if (cases[c].gates) {
            rest.y = fixture.y;
            rest.high = 0.5f;
        }
        for (size_t k = 0; k < NUM_KERNELS; k++) {
            size_t len = fixture.num_out * sizeof *fixture.out;
            float *alone;

            if (!kernel_of(k))
                continue;
            run(&fixture, kernel_of(k), &rest, NULL);
            expect(&fixture, &rest);
            alone = malloc(len);
            assert_non_null(alone);
            memcpy(alone, fixture.out, len);
            memset(fixture.out, 0, len);
            run(&fixture, kernel_of(k), &rest, &member);
            team_rest(&member);
            assert_memory_equal(fixture.out, alone, len);
            free(alone);
        }
        tear_down(&fixture);
    }
    team_free(team);
}

static void what_is_no_number_stays_so(void **state)
{
    const struct dense_rest rest = {0};
    struct fixture fixture;

    (void)state;
    set_up(&fixture, 2000, 1000, 0.5f, false);
    fixture.in[3] = NAN;
    for (size_t k = 0; k < NUM_KERNELS; k++) {
        if (!kernel_of(k))
            continue;
        run(&fixture, kernel_of(k), &rest, NULL);
        for (size_t o = 0; o < fixture.num_out; o++)
            assert_true(isnan(fixture.out[o]));
    }
    tear_down(&fixture);
}

/* Small ones stay in the caches, and 0 times infinity is not 0. */
static void other_layers_are_left_to_tiles(void **state)
{
    struct fixture fixture;

    (void)state;
    set_up(&fixture, 1000, 1000, 0, false);
    assert_false(dense_row_pays(&fixture.graph, node_of(&fixture)));
    tear_down(&fixture);
    for (int i = 0; i < 2; i++) {
        set_up(&fixture, 2000, 1000, 0, false);
        ((float *)(uintptr_t)fixture.weights)[1999999] = i ? INFINITY : NAN;
        assert_false(dense_row_pays(&fixture.graph, node_of(&fixture)));
        tear_down(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_computes_what_doubles_do),
        cmocka_unit_test(what_is_no_number_stays_so),
        cmocka_unit_test(other_layers_are_left_to_tiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
