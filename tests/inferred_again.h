#ifndef TESTS_INFERRED_AGAIN_H
#define TESTS_INFERRED_AGAIN_H

#include "engine/graph/graph.h"

/* Infers once more, and expects each node and value to be what it was. `what`
 * names the graph, and `when` says after which pass, if the test fails. */
void expect_inferred_again(struct graph *graph, const char *what,
                           const char *when);

#endif
