#ifndef TESTS_NPY_H
#define TESTS_NPY_H

/* Reads the .npy files that the reference scripts write: little-endian float
 * arrays in C order. Whatever fails here fails the running cmocka test. */

#include "graph.h"

/* `= {0}` is empty. */
struct npy {
    struct graph_shape shape;
    float *data; /* owned */
};

void npy_open(struct npy *npy, const char *path);
void npy_release(struct npy *npy);

#endif
