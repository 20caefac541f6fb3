#ifndef TESTS_SLOPES_H
#define TESTS_SLOPES_H

/* Holds gradients to finite differences of the forward graph, both in double
 * precision by the interpreter, and the planned run in floats to those.
 * Whatever fails here fails the running cmocka test. */

#include <stdint.h>

#include "engine/graph/graph.h"
#include "engine/passes/gradient.h"

struct slopes {
    struct gradient_options options;
    float min, max;       /* of the picture, which is random */
    const float *picture; /* or this one, or NULL */
    uint64_t seed;
    size_t num_directions; /* instead of each element by itself, if not 0 */
    double tolerance;      /* of floats; 0: 1e-4 */
    bool skip_floats;      /* they are not looked at */
    const char *name;      /* for messages */
};

/* Appends the gradients to a graph that graph_infer has accepted, looks at
 * them, and lays the graph out. Returns the largest distance of floats. */
double slopes_check(struct graph *graph, const struct slopes *slopes);

/* The picture that tests/data/networks was computed of, in the order of
 * (channels, height, width). */
void slopes_fill_picture(float *picture, size_t count);

#endif
