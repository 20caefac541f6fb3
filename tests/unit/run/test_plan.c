/* XNNPACK and the plain kernels against the reference interpreter: every form
 * of export, every operator, and random networks. The reference runs the graph
 * that the plan was made of, so that only the kernels can be at fault; the
 * passes before are held to it in tests of their own. */

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run/plan.h"
#include "tests/network.h"
#include "tests/network_file.h"
#include "tests/reference.h"
#include "tests/sketch.h"

#include <cmocka.h>

#define FORMS "tests/data/forms"
#define OPERATORS "tests/cases/operators"

/* Floats against doubles, through some tens of layers. */
#define TOLERANCE 1e-4

enum { PATH_SIZE = 512 };

static int num_wrong; /* networks whose plan fails or computes otherwise */

static void complain(const char *what, const char *why)
{
    print_error("%s: %s\n", what, why);
    num_wrong++;
}

/* Fills the picture with noise of about [-1, 1]. */
static float *make_input(const struct graph *graph, uint64_t seed)
{
    size_t count = graph_shape_count(&graph->values[graph->inputs[0]].shape);
    struct sketch_random random = {seed * 77 + 1};
    float *input = calloc(count, sizeof *input);

    assert_non_null(input);
    sketch_fill(&random, input, count, -1, 1);
    return input;
}

static void compare_outputs(struct plan_session *session,
                            const struct graph *graph,
                            const struct reference *ref, const char *what)
{
    for (size_t i = 0; i < graph->num_outputs; i++) {
        int value = graph->outputs[i];
        const float *got = plan_session_data(session, value);
        size_t count = graph_shape_count(&graph->values[value].shape);
        double *doubles = calloc(count, sizeof *doubles), distance;
        char why[64];

        assert_non_null(got);
        assert_non_null(doubles);
        for (size_t j = 0; j < count; j++)
            doubles[j] = (double)got[j];
        distance = reference_distance(ref->values[value], doubles, count);
        free(doubles);
        snprintf(why, sizeof why, "output %zu is off by %g", i, distance);
        if (!(distance <= TOLERANCE))
            complain(what, why);
    }
}

/* Runs a laid out graph both ways, with two pictures one after the other. */
static void compare(const struct graph *graph, unsigned num_threads,
                    const char *what)
{
    struct error err = {0};
    struct plan *plan = plan_new(graph, &err);
    struct team *team = team_new(num_threads, &err);
    struct plan_session *session =
        plan && team ? plan_session_new(plan, team, &err) : NULL;
    size_t count = graph_shape_count(&graph->values[graph->inputs[0]].shape);

    if (!session)
        complain(what, err.text);
    for (uint64_t seed = 1; session && seed <= 2; seed++) {
        struct reference ref = {0};
        float *input = make_input(graph, seed);

        memcpy(plan_session_data(session, graph->inputs[0]), input,
               count * sizeof *input);
        if (!reference_run(&ref, graph, input, &err) ||
            !plan_session_run(session, &err))
            complain(what, err.text);
        else
            compare_outputs(session, graph, &ref, what);
        reference_release(&ref);
        free(input);
    }
    plan_session_free(session);
    plan_free(plan);
    team_free(team);
}

/* Reads a file and does all that is done to it before it is planned. */
static bool open_network(struct network *network, const char *path,
                         size_t width, size_t height)
{
    const struct network_options options = {
        .input = {.width = width, .height = height},
        .keep_outputs = true,
    };
    struct error err = {0};

    if (network_file_read(network, path, &options, &err))
        return true;
    complain(path, err.text);
    return false;
}

static void every_form_of_export_runs_as_the_reference_does(void **state)
{
    FILE *list = fopen(FORMS "/forms.txt", "r");
    char name[128], path[PATH_SIZE];
    int num = 0;

    (void)state;
    assert_non_null(list);
    num_wrong = 0;
    while (fscanf(list, "%127s %*s", name) == 1) {
        struct network network = {0};

        snprintf(path, sizeof path, FORMS "/%s.onnx", name);
        if (open_network(&network, path, 48, 32))
            compare(&network.graph, 1, name);
        network_release(&network);
        num++;
    }
    fclose(list);
    assert_true(num >= 10);
    assert_int_equal(num_wrong, 0);
}

static void every_operator_runs_as_the_reference_does(void **state)
{
    DIR *dir = opendir(OPERATORS);
    struct dirent *entry;
    char path[PATH_SIZE];
    int num = 0;

    (void)state;
    assert_non_null(dir);
    num_wrong = 0;
    while ((entry = readdir(dir))) {
        struct network network = {0};

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, OPERATORS "/%s/model.onnx", entry->d_name);
        if (open_network(&network, path, 8, 8))
            compare(&network.graph, 1, entry->d_name);
        network_release(&network);
        num++;
    }
    closedir(dir);
    assert_true(num >= 50);
    assert_int_equal(num_wrong, 0);
}

static void make_network(struct graph *graph, enum network_kind kind,
                         uint64_t seed)
{
    struct error err = {0};

    network_make(graph, kind, seed);
    if (!network_prepare(graph, NETWORK_LAYOUT, &err))
        fail_msg("seed %llu: %s", (unsigned long long)seed, err.text);
}

static void random_networks_run_as_the_reference_does(void **state)
{
    (void)state;
    num_wrong = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct graph graph = {0};
        char what[32];

        snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
        make_network(&graph, seed % 3 ? NETWORK_ANY : NETWORK_PLAIN, seed);
        compare(&graph, seed % 10 ? 1 : 2, what);
        graph_release(&graph);
    }
    assert_int_equal(num_wrong, 0);
}

static void a_plain_network_is_one_runtime_between_our_own_kernels(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct graph graph = {0};
        struct error err = {0};
        struct plan *plan;

        make_network(&graph, NETWORK_PLAIN, seed);
        plan = plan_new(&graph, &err);
        assert_non_null(plan);
        assert_true(plan_num_run_by(plan, PLAN_XNNPACK) <=
                    plan_num_run_by(plan, PLAN_DENSE) + 1);
        assert_int_equal(plan_num_run_by(plan, PLAN_KERNEL), 0);
        plan_free(plan);
        graph_release(&graph);
    }
}

static void only_the_input_and_the_outputs_have_data(void **state)
{
    struct network network = {0};
    const struct graph *graph = &network.graph;
    struct error err = {0};
    struct plan *plan;
    struct plan_session *session;

    (void)state;
    assert_true(open_network(&network, FORMS "/tools.onnx", 48, 32));
    plan = plan_new(graph, &err);
    assert_non_null(plan);
    session = plan_session_new(plan, NULL, &err);
    assert_non_null(session);
    assert_non_null(plan_session_data(session, graph->inputs[0]));
    assert_non_null(plan_session_data(session, graph->outputs[0]));
    if (plan_num_run_by(plan, PLAN_DENSE) == 0)
        assert_null(plan_session_data(session, graph->nodes[0].outputs[0]));
    plan_session_free(session);
    plan_free(plan);
    network_release(&network);
}

/* ---- sessions of one plan in several threads ---- */

enum { NUM_THREADS = 3, NUM_RUNS = 20 };

struct worker {
    const struct plan *plan;
    const struct graph *graph;
    uint64_t seed;
    const struct reference *expected;
    double distance; /* out: the largest; infinite on failure */
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    const struct graph *graph = worker->graph;
    struct plan_session *session = plan_session_new(worker->plan, NULL, NULL);
    int logits = graph->outputs[0];
    size_t count = graph_shape_count(&graph->values[logits].shape);
    struct sketch_random random = {worker->seed};
    double values[16];

    worker->distance = 1e9;
    if (!session || count > 16)
        return NULL;
    sketch_fill(&random, plan_session_data(session, graph->inputs[0]),
                graph_shape_count(&graph->values[graph->inputs[0]].shape), -1,
                1);
    for (int run = 0; run < NUM_RUNS; run++) {
        if (!plan_session_run(session, NULL))
            break;
        for (size_t i = 0; i < count; i++)
            values[i] = (double)plan_session_data(session, logits)[i];
        worker->distance =
            reference_distance(worker->expected->values[logits], values, count);
        if (!(worker->distance <= TOLERANCE))
            break;
    }
    plan_session_free(session);
    return NULL;
}

static void sessions_of_one_plan_do_not_disturb_each_other(void **state)
{
    struct network network = {0};
    const struct graph *graph = &network.graph;
    struct error err = {0};
    struct plan *plan;
    struct worker workers[NUM_THREADS];
    struct reference refs[NUM_THREADS] = {0};
    pthread_t threads[NUM_THREADS];

    (void)state;
    assert_true(open_network(&network, FORMS "/tools.onnx", 48, 32));
    plan = plan_new(graph, &err);
    assert_non_null(plan);
    for (size_t i = 0; i < NUM_THREADS; i++) {
        size_t count =
            graph_shape_count(&graph->values[graph->inputs[0]].shape);
        float *input = calloc(count, sizeof *input);
        struct sketch_random random = {i + 1};

        assert_non_null(input);
        sketch_fill(&random, input, count, -1, 1);
        assert_true(reference_run(&refs[i], graph, input, &err));
        free(input);
        workers[i] = (struct worker){plan, graph, i + 1, &refs[i], 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]),
                         0);
    }
    for (size_t i = 0; i < NUM_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(workers[i].distance <= TOLERANCE);
        reference_release(&refs[i]);
    }
    plan_free(plan);
    network_release(&network);
}

static void a_network_that_takes_gigabytes_is_refused(void **state)
{
    struct graph graph = {0};
    struct error err = {0};
    int value;

    (void)state;
    value = sketch_input(&graph, SHAPE(1, 3, 8192, 8192));
    for (int i = 0; i < 6; i++) {
        value = sketch_node(&graph, GRAPH_CLAMP, (int[]){value}, 1);
        sketch_last(&graph)->min = 0;
    }
    sketch_output(&graph, value);
    assert_true(graph_infer(&graph, &err));
    assert_null(plan_new(&graph, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_non_null(strstr(err.text, "1207959552 numbers"));
    graph_release(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_export_runs_as_the_reference_does),
        cmocka_unit_test(every_operator_runs_as_the_reference_does),
        cmocka_unit_test(random_networks_run_as_the_reference_does),
        cmocka_unit_test(
            a_plain_network_is_one_runtime_between_our_own_kernels),
        cmocka_unit_test(only_the_input_and_the_outputs_have_data),
        cmocka_unit_test(a_network_that_takes_gigabytes_is_refused),
        cmocka_unit_test(sessions_of_one_plan_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
