#ifndef TESTS_ARRAY_H
#define TESTS_ARRAY_H

/* Arrays of floats from the .npy files that the reference scripts write.
 * Whatever fails here fails the running cmocka test. */

#include "engine/graph/graph.h"

/* `= {0}` is empty. */
struct array {
    struct graph_shape shape;
    float *data; /* owned */
};

void array_open(struct array *array, const char *path);
void array_release(struct array *array);

#endif
