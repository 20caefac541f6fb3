#include "tests/slopes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run/plan.h"
#include "tests/reference.h"
#include "tests/rewritten.h"
#include "tests/sketch.h"

#include <cmocka.h>

/* Central differences are off by h^2 and by 1e-16 / h. */
#define STEP 1e-6
#define TOLERANCE 1e-6

enum { MOST_WANTED = 8 };

struct check {
    const struct slopes *slopes;
    struct graph *graph;
    struct sketch_random random;
    float *picture;                 /* owned, as all of these */
    double *input, *seed;           /* the picture; the target's gradient */
    struct reference forward;       /* at the picture */
    double *gradients[MOST_WANTED]; /* as the interpreter has them */
};

static double *doubles(size_t count)
{
    double *made = calloc(count + 1, sizeof *made);

    assert_non_null(made);
    return made;
}

static size_t count_of(const struct check *check, int value)
{
    return graph_shape_count(&check->graph->values[value].shape);
}

void slopes_fill_picture(float *picture, size_t count)
{
    for (size_t i = 0; i < count; i++)
        picture[i] = (float)((double)(i * 2654435761 % ((uint64_t)1 << 32)) /
                                 2147483648.0 -
                             1);
}

static void begin(struct check *check)
{
    const struct slopes *slopes = check->slopes;
    size_t count = count_of(check, check->graph->inputs[0]);
    size_t num_logits = count_of(check, slopes->options.source);
    struct error err = {0};

    check->random.state = slopes->seed + 1;
    for (int i = 0; i < 20; i++)
        sketch_below(&check->random, 2); /* small seeds start alike */
    check->picture = calloc(count + 1, sizeof *check->picture);
    check->input = doubles(count);
    check->seed = doubles(num_logits);
    assert_non_null(check->picture);
    if (slopes->picture)
        memcpy(check->picture, slopes->picture, count * sizeof(float));
    else
        sketch_fill(&check->random, check->picture, count, slopes->min,
                    slopes->max);
    for (size_t i = 0; i < count; i++)
        check->input[i] = (double)check->picture[i];
    for (size_t i = 0; i < num_logits; i++)
        check->seed[i] = (double)sketch_between(&check->random, -1, 1);
    if (!reference_run_on(&check->forward, check->graph,
                          (const double *const[]){check->input}, &err))
        fail_msg("%s: %s", slopes->name, err.text);
}

/* The target with a value at `at` instead of what is computed. */
static double target_at(const struct check *check, int value, const double *at)
{
    struct graph given = *check->graph;
    int source = check->slopes->options.source;
    int inputs[2] = {given.inputs[0], value};
    const double *elements[2] = {check->input, at};
    struct reference ref = {0};
    struct error err = {0};
    double sum = 0;

    given.inputs = inputs;
    given.num_inputs = 2;
    given.num_outputs = 0;
    given.num_nodes = (size_t)given.values[source].producer + 1;
    if (!reference_run_on(&ref, &given, elements, &err))
        fail_msg("%s: %s", check->slopes->name, err.text);
    for (size_t i = 0; i < count_of(check, source); i++)
        sum += check->seed[i] * ref.values[source][i];
    reference_release(&ref);
    return sum;
}

static double slope_along(const struct check *check, int value,
                          const double *direction, double step)
{
    size_t count = count_of(check, value);
    double *at = doubles(count), more, less;

    for (size_t i = 0; i < count; i++)
        at[i] = check->forward.values[value][i] + step * direction[i];
    more = target_at(check, value, at);
    for (size_t i = 0; i < count; i++)
        at[i] = check->forward.values[value][i] - step * direction[i];
    less = target_at(check, value, at);
    free(at);
    return (more - less) / (2 * step);
}

/* A kink between the two ends is outrun by a smaller step. */
static void check_direction(const struct check *check, size_t wanted,
                            const double *direction)
{
    int value = check->slopes->options.wanted[wanted];
    const double *gradient = check->gradients[wanted];
    double found = 0, size = 0, step = STEP, bound = TOLERANCE, slope = 0;

    for (size_t i = 0; i < count_of(check, value); i++) {
        found += gradient[i] * direction[i];
        size += fabs(gradient[i] * direction[i]);
    }
    for (int i = 0; i < 3; i++, step /= 30, bound *= 30) {
        slope = slope_along(check, value, direction, step);
        if (fabs(slope - found) <= bound * (size + 1e-2))
            return;
    }
    fail_msg("%s: value %d, \"%s\": the slope is %.9g, the gradient says %.9g",
             check->slopes->name, value, check->graph->values[value].name,
             slope, found);
}

static void check_slopes(struct check *check, size_t wanted)
{
    int value = check->slopes->options.wanted[wanted];
    size_t count = count_of(check, value);
    size_t num = check->slopes->num_directions;
    double *direction = doubles(count);

    for (size_t k = 0; num == 0 && k < count; k++) {
        memset(direction, 0, count * sizeof *direction);
        direction[k] = 1;
        check_direction(check, wanted, direction);
    }
    for (size_t k = 0; k < num; k++) {
        /* Equal elements go on together, and those that a ReLU has shut stay:
         * where a pool has several that are largest there is a kink. */
        for (size_t i = 0; i < count; i++) {
            double x = check->forward.values[value][i];

            direction[i] = x == 0 ? 0 : sin(1000 * x + (double)k);
        }
        check_direction(check, wanted, direction);
    }
    free(direction);
}

/* Runs the backward graph by the interpreter. */
static void run_backward(struct check *check, size_t first)
{
    struct reference ref = {0};
    struct error err = {0};
    const double *inputs[2] = {check->input, check->seed};

    assert_int_equal(check->graph->num_inputs, 2);
    if (!reference_run_on(&ref, check->graph, inputs, &err))
        fail_msg("%s: %s", check->slopes->name, err.text);
    if (!expect_rewritten(check->graph, inputs, check->slopes->name))
        fail_msg("%s: it cannot be written as ONNX", check->slopes->name);
    for (size_t i = 0; i < check->slopes->options.num_wanted; i++) {
        size_t count = count_of(check, check->graph->outputs[first + i]);

        assert_int_equal(count,
                         count_of(check, check->slopes->options.wanted[i]));
        check->gradients[i] = doubles(count);
        memcpy(check->gradients[i],
               ref.values[check->graph->outputs[first + i]],
               count * sizeof(double));
    }
    reference_release(&ref);
}

/* Where an element of a picture stands after the layout: outputs are NHWC. */
static size_t place_of(const struct graph_shape *meant, size_t i)
{
    return meant->rank == 4 ? reference_nhwc_index(meant, i) : i;
}

/* So are inputs that look like planes. */
static size_t input_place_of(const struct graph_shape *meant, size_t i)
{
    return meant->rank == 4 && meant->dim[1] != 3 &&
                   (meant->dim[3] == 3 ||
                    (meant->dim[3] == 1 && meant->dim[1] != 1))
               ? i
               : place_of(meant, i);
}

/* The planned run in floats: the largest distance of any gradient. */
static double check_floats(struct check *check, size_t first)
{
    struct graph *graph = check->graph;
    struct graph_shape x = graph->values[graph->inputs[0]].shape;
    struct graph_shape seed = graph->values[graph->inputs[1]].shape;
    struct graph_shape meant[MOST_WANTED];
    struct plan_session *session = NULL;
    struct plan *plan = NULL;
    struct error err = {0};
    double most = 0;

    for (size_t i = 0; i < check->slopes->options.num_wanted; i++)
        meant[i] = graph->values[graph->outputs[first + i]].shape;
    if (graph_layout(graph, &err) && graph_infer(graph, &err))
        plan = plan_new(graph, &err);
    if (plan)
        session = plan_session_new(plan, NULL, &err);
    if (!session)
        fail_msg("%s: %s", check->slopes->name, err.text);
    for (size_t i = 0; i < graph_shape_count(&x); i++)
        plan_session_data(session, graph->inputs[0])[input_place_of(&x, i)] =
            check->picture[i];
    for (size_t i = 0; i < graph_shape_count(&seed); i++)
        plan_session_data(session, graph->inputs[1])[input_place_of(&seed, i)] =
            (float)check->seed[i];
    if (!plan_session_run(session, &err))
        fail_msg("%s: %s", check->slopes->name, err.text);
    for (size_t i = 0; i < check->slopes->options.num_wanted; i++) {
        int value = graph->outputs[first + i];
        const float *floats = plan_session_data(session, value);
        double largest = 0, distance = 0;

        for (size_t k = 0; k < graph_shape_count(&meant[i]); k++) {
            float got = floats[place_of(&meant[i], k)];

            largest = fmax(largest, fabs(check->gradients[i][k]));
            distance =
                fmax(distance, fabs(check->gradients[i][k] - (double)got));
        }
        most = fmax(most, distance / fmax(largest, 1e-6));
    }
    plan_session_free(session);
    plan_free(plan);
    return most;
}

double slopes_check(struct graph *graph, const struct slopes *slopes)
{
    struct check check = {.slopes = slopes, .graph = graph};
    double tolerance = slopes->tolerance > 0 ? slopes->tolerance : 1e-4;
    size_t first = graph->num_outputs;
    double distance = 0;
    struct error err = {0};

    assert_true(slopes->options.num_wanted <= MOST_WANTED);
    begin(&check);
    if (!gradient_append(graph, &slopes->options, &err))
        fail_msg("%s: %s", slopes->name, err.text);
    run_backward(&check, first);
    for (size_t i = 0; i < slopes->options.num_wanted; i++)
        check_slopes(&check, i);
    if (!slopes->skip_floats) {
        distance = check_floats(&check, first);
        if (!(distance <= tolerance))
            fail_msg("%s: floats are off by %g", slopes->name, distance);
    }
    for (size_t i = 0; i < slopes->options.num_wanted; i++)
        free(check.gradients[i]);
    reference_release(&check.forward);
    free(check.picture);
    free(check.input);
    free(check.seed);
    return distance;
}
