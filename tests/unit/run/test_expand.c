/* A convolution and the depthwise one behind it, by bands of rows or one after
 * the other: the same to the last bit, whatever the window, stride and border,
 * alone and by several threads, with floats and with integers. Where there are
 * no kernels, that is what is tested. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/graph/graph.h"
#include "engine/run/expand.h"
#include "engine/run/plan.h"
#include "tests/sketch.h"

#include <cmocka.h>

struct pair {
    size_t in, expanded, height, width; /* channels; the expanded map's sides */
    size_t first;                       /* the first one's window; stride 2 */
    size_t kernel, stride, pad;         /* the second one's */
    bool swishes;                       /* after each a SiLU */
};

static const struct pair pairs[] = {
    {16, 96, 60, 60, 1, 3, 1, 1, false},  {16, 96, 61, 59, 1, 3, 2, 1, false},
    {24, 144, 57, 41, 1, 5, 1, 2, false}, {24, 136, 58, 43, 1, 5, 2, 2, false},
    {16, 200, 40, 45, 1, 7, 1, 3, false}, {16, 128, 70, 40, 1, 7, 2, 3, false},
    {3, 64, 70, 66, 3, 3, 1, 1, false},   {3, 64, 68, 67, 3, 3, 2, 1, false},
    {16, 512, 33, 30, 1, 3, 1, 0, false}, {16, 96, 60, 60, 1, 5, 1, 0, false},
    {16, 64, 200, 30, 1, 3, 1, 1, false}, {17, 104, 58, 47, 1, 3, 1, 1, false},
    {16, 96, 60, 60, 1, 3, 2, 1, true},   {24, 136, 58, 43, 1, 5, 1, 2, true},
    {3, 64, 70, 66, 3, 3, 1, 1, true},
};
enum { NUM_PAIRS = sizeof pairs / sizeof pairs[0] };

static int add_swish(struct graph *graph, const struct pair *pair, int x)
{
    if (!pair->swishes)
        return x;
    x = sketch_node(graph, GRAPH_UNARY, (int[]){x}, 1);
    sketch_last(graph)->unary.function = GRAPH_SILU;
    return x;
}

/* A laid out graph of both; the expanded map is an output, too, if it is to be
 * kept. */
static void make(struct graph *graph, const struct pair *pair, bool keeps)
{
    struct sketch_random random = {pair->expanded + pair->height};
    struct error err = {0};
    size_t stride = pair->first > 1 ? 2 : 1;
    int x = sketch_input(
        graph, SHAPE(1, pair->in, pair->height * stride, pair->width * stride));
    int weights = sketch_noise(
        graph, SHAPE(pair->expanded, pair->in, pair->first, pair->first),
        &random, -1, 1);
    int bias = sketch_noise(graph, SHAPE(pair->expanded), &random, -1, 1), y;

    x = sketch_conv(graph, x, weights, bias, pair->first, stride,
                    pair->first / 2, 1);
    sketch_last(graph)->min = 0;
    sketch_last(graph)->max = 6;
    x = add_swish(graph, pair, x);
    weights = sketch_noise(graph,
                           SHAPE(pair->expanded, 1, pair->kernel, pair->kernel),
                           &random, -1, 1);
    bias = sketch_noise(graph, SHAPE(pair->expanded), &random, -1, 1);
    y = sketch_conv(graph, x, weights, bias, pair->kernel, pair->stride,
                    pair->pad, pair->expanded);
    sketch_last(graph)->min = -3;
    sketch_output(graph, add_swish(graph, pair, y));
    if (keeps)
        sketch_output(graph, x);
    if (!graph_infer(graph, &err) || !plan_layout(graph, &err))
        fail_msg("%s", err.text);
}

/* What comes out of both, (count) floats owned by the caller; or NULL: there is
 * no kernel. */
static float *run(const struct pair *pair, enum plan_runner runner, bool keeps,
                  struct team *team, size_t *count)
{
    struct graph graph = {0};
    struct error err = {0};
    struct sketch_random random = {5};
    struct plan *plan;
    struct plan_session *session;
    float *out;

    make(&graph, pair, keeps);
    plan = runner == PLAN_DENSE ? plan_new(&graph, &err)
                                : plan_new_int8(&graph, GRAPH_NONE, &err);
    if (!plan || plan_num_run_by(plan, runner) == 0) {
        plan_free(plan);
        graph_release(&graph);
        return NULL;
    }
    assert_int_equal(plan_num_run_by(plan, PLAN_DEPTHWISE), keeps);
    assert_int_equal(plan_num_steps(plan), keeps ? 2 : 1);
    session = plan_session_new(plan, team, &err);
    assert_non_null(session);
    sketch_fill(&random, plan_session_data(session, graph.inputs[0]),
                graph_value_count(&graph, graph.inputs[0]), -1, 1);
    assert_true(plan_session_run(session, &err));
    assert_true(plan_session_run(session, &err)); /* and leaves nothing over */
    *count = graph_value_count(&graph, graph.outputs[0]);
    out = malloc(*count * sizeof *out);
    assert_non_null(out);
    memcpy(out, plan_session_data(session, graph.outputs[0]),
           *count * sizeof *out);
    plan_session_free(session);
    plan_free(plan);
    graph_release(&graph);
    return out;
}

static void compare(enum plan_runner runner)
{
    struct error err = {0};
    struct team *team = team_new(3, &err);
    bool has_kernel = true;

    assert_non_null(team);
    for (size_t i = 0; has_kernel && i < NUM_PAIRS; i++) {
        size_t num_whole, num_bands;
        float *whole;

        if (pairs[i].swishes && runner == PLAN_DENSE_INT8)
            continue; /* these take no function with them */
        whole = run(&pairs[i], runner, true, NULL, &num_whole);
        has_kernel = whole != NULL;
        for (int helped = 0; has_kernel && helped < 2; helped++) {
            float *bands =
                run(&pairs[i], runner, false, helped ? team : NULL, &num_bands);

            assert_non_null(bands);
            assert_int_equal(num_bands, num_whole);
            for (size_t k = 0; k < num_whole; k++)
                if (memcmp(&bands[k], &whole[k], sizeof *bands) != 0)
                    fail_msg("pair %zu: output %zu is %.9g, not %.9g", i, k,
                             (double)bands[k], (double)whole[k]);
            free(bands);
        }
        free(whole);
    }
    team_free(team);
    if (!has_kernel)
        skip();
}

static void bands_of_floats_are_the_same_as_whole_maps(void **state)
{
    (void)state;
    compare(PLAN_DENSE);
}

static void bands_of_integers_are_the_same_as_whole_maps(void **state)
{
    (void)state;
    compare(PLAN_DENSE_INT8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bands_of_floats_are_the_same_as_whole_maps),
        cmocka_unit_test(bands_of_integers_are_the_same_as_whole_maps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
