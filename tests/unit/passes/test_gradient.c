/* Backward graphs of random networks, and what is asked of them as wholes. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/graph/graph.h"
#include "engine/passes/gradient.h"
#include "tests/network.h"
#include "tests/sketch.h"
#include "tests/slopes.h"

#include <cmocka.h>

static void random_networks_have_the_slopes_that_differences_have(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct graph graph = {0};
        struct error err = {0};
        struct slopes slopes = {.min = -1,
                                .max = 1,
                                .seed = seed,
                                .num_directions = 2,
                                .tolerance = 1e-2};
        char name[32];
        int wanted[2];

        snprintf(name, sizeof name, "seed %d", (int)seed);
        network_make(&graph, seed % 4 ? NETWORK_ANY : NETWORK_PLAIN, seed);
        if (!graph_infer(&graph, &err) ||
            (seed % 3 && !graph_fold(&graph, &err)))
            fail_msg("%s: %s", name, err.text);
        wanted[0] = graph.inputs[0];
        wanted[1] = graph.outputs[0]; /* the features, sometimes */
        slopes.name = name;
        slopes.options = (struct gradient_options){
            .source = graph.outputs[graph.num_outputs - 1],
            .wanted = wanted,
            .num_wanted = 2};
        slopes_check(&graph, &slopes);
        graph_release(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_networks_have_the_slopes_that_differences_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
