/* Pairs of rounding nodes that become one function: what the reference makes of
 * both, which pairs stay as they are, and the gradient that the function has.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/passes/gradient.h"
#include "engine/passes/graph_round.h"
#include "engine/passes/infer.h"
#include "tests/reference.h"
#include "tests/sketch.h"

#include <cmocka.h>

enum { COUNT = 2 * 3 * 5 * 7 };

struct pair {
    float step, other_step; /* of the second node; 0: the same */
    int64_t zero;           /* INT64_MAX: none */
    float low, high;        /* of the integers */
    bool by_channel;
};

static int add_pair(struct graph *graph, int x, const struct pair *pair)
{
    const float steps[] = {pair->step, pair->step, pair->step};
    const float others[] = {pair->other_step, pair->other_step,
                            pair->other_step};
    const struct graph_shape shape = pair->by_channel ? SHAPE(3) : SCALAR;
    const int64_t zeros[] = {pair->zero, pair->zero, pair->zero};
    const uint32_t num = pair->zero == INT64_MAX ? 2 : 3;
    int inputs[] = {x, sketch_floats(graph, shape, steps),
                    sketch_ints(graph, shape, zeros)};

    inputs[0] = sketch_node(graph, GRAPH_QUANTIZE, inputs, num);
    sketch_last(graph)->quant.axis = 1;
    sketch_last(graph)->quant.low = pair->low;
    sketch_last(graph)->quant.high = pair->high;
    if (pair->other_step > 0)
        inputs[1] = sketch_floats(graph, shape, others);
    x = sketch_node(graph, GRAPH_DEQUANTIZE, inputs, num);
    sketch_last(graph)->quant.axis = 1;
    return x;
}

/* Runs the reference before and after; returns whether one function is left. */
static bool becomes_one(const struct pair *pair)
{
    struct graph graph = {0};
    struct reference before = {0}, after = {0};
    struct sketch_random random = {3};
    struct error err = {0};
    float in[COUNT];
    int out = add_pair(&graph, sketch_input(&graph, SHAPE(2, 3, 5, 7)), pair);
    bool is_one;

    sketch_output(&graph, out);
    sketch_fill(&random, in, COUNT, -40, 40);
    for (size_t i = 0; i < COUNT; i += 4) /* halves */
        in[i] = (float)(long)in[i] * pair->step / 2;
    assert_true(graph_infer(&graph, &err));
    assert_true(reference_run(&before, &graph, in, &err));
    graph_round(&graph);
    is_one = graph.num_nodes == 1 && graph.nodes[0].op == GRAPH_UNARY;
    assert_true(is_one || sketch_count(&graph, GRAPH_UNARY) == 0);
    assert_int_equal(graph.outputs[0], out);
    assert_true(reference_run(&after, &graph, in, &err));
    for (size_t i = 0; i < COUNT; i++)
        assert_true(before.values[out][i] == after.values[out][i]);
    reference_release(&before);
    reference_release(&after);
    graph_release(&graph);
    return is_one;
}

static void a_pair_becomes_a_function(void **state)
{
    static const struct pair pairs[] = {
        {.step = 0.25f, .zero = 100, .high = 255},
        {.step = 0.125f, .zero = 0, .low = -128, .high = 127},
        {.step = 0.5f, .zero = INT64_MAX, .high = 255},
        {.step = 0.0625f, .zero = -7, .low = -32768, .high = 32767},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_true(becomes_one(&pairs[i]));
}

static void other_pairs_stay(void **state)
{
    static const struct pair pairs[] = {
        {.step = 0.25f, .other_step = 0.5f, .zero = 100, .high = 255},
        {.step = 0.25f, .zero = 100, .high = 255, .by_channel = true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_false(becomes_one(&pairs[i]));
}

/* What somebody else takes as integers is still made. */
static void integers_that_are_wanted_stay(void **state)
{
    const struct pair pair = {.step = 0.25f, .zero = 9, .high = 255};
    struct graph graph = {0};
    struct error err = {0};
    int out = add_pair(&graph, sketch_input(&graph, SHAPE(1, 3, 2, 2)), &pair);

    (void)state;
    sketch_output(&graph, sketch_last(&graph)->inputs[0]);
    sketch_output(&graph, out);
    assert_true(graph_infer(&graph, &err));
    graph_round(&graph);
    assert_int_equal(sketch_count(&graph, GRAPH_QUANTIZE), 1);
    assert_int_equal(sketch_count(&graph, GRAPH_UNARY), 1);
    assert_int_equal(sketch_count(&graph, GRAPH_DEQUANTIZE), 0);
    graph_release(&graph);
}

/* As that of PyTorch's fake_quantize: 1 where nothing is clamped, else 0. */
static void its_gradient_passes_where_nothing_is_clamped(void **state)
{
    const struct pair pair = {.step = 0.5f, .zero = 2, .high = 7};
    /* From (0 - 2) / 2 - 1/4 to (7 - 2) / 2 + 1/4. */
    const double in[] = {-3, -1.3, -1.2, -1, 0, 0.3, 2.5, 2.7, 2.8, 9};
    const double expected[] = {0, 0, 1, 1, 1, 1, 1, 1, 0, 0};
    const double seed[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    const double *const inputs[] = {in, seed};
    struct graph graph = {0};
    struct reference ref = {0};
    struct error err = {0};
    int x = sketch_input(&graph, SHAPE(1, 10));
    struct gradient_options options = {.wanted = &x, .num_wanted = 1};

    (void)state;
    options.source = add_pair(&graph, x, &pair);
    sketch_output(&graph, options.source);
    assert_true(graph_infer(&graph, &err));
    graph_round(&graph);
    if (!gradient_append(&graph, &options, &err))
        fail_msg("%s", err.text);
    assert_true(reference_run_on(&ref, &graph, inputs, &err));
    for (size_t i = 0; i < 10; i++)
        assert_true(ref.values[graph.outputs[1]][i] == expected[i] * seed[i]);
    reference_release(&ref);
    graph_release(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_becomes_a_function),
        cmocka_unit_test(other_pairs_stay),
        cmocka_unit_test(integers_that_are_wanted_stay),
        cmocka_unit_test(its_gradient_passes_where_nothing_is_clamped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
