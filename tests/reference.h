#ifndef TESTS_REFERENCE_H
#define TESTS_REFERENCE_H

/* The oracle of the engine's tests: a slow, plain interpreter of the graph.
 * It is written from the ONNX operator specification, element by element, in
 * double precision, and shares no arithmetic with the engine.
 *
 *     struct reference ref = {0};
 *     if (!reference_run(&ref, &graph, input, &err))
 *         ...
 *     const double *logits = ref.values[graph.outputs[0]];
 *     reference_release(&ref);
 *
 * It runs a graph that graph_infer has accepted, and also one that graph_fold
 * or graph_layout has changed since: clamps on any node, convolutions whose
 * `nhwc` is set, values in whatever order of axes their shapes say. So each
 * pass can be held to the graph before it. */

#include <stddef.h>

#include "engine/graph/graph.h"

/* `= {0}` is empty. One thread at a time. */
struct reference {
    double **values; /* (num_values) owned; one tensor per value of the graph,
                        row-major, NULL where no node makes it; integers are
                        doubles too */
    size_t num_values;
};

/* Computes every value of the graph. `input` holds the elements of
 * graph->inputs[0] in the order of its shape. ERROR_INTERNAL: the graph
 * contradicts itself (a value used before it is made, shapes that do not fit,
 * an index out of range); the text names the node. ERROR_MEMORY. On failure
 * `ref` is empty. */
bool reference_run(struct reference *ref, const struct graph *graph,
                   const float *input, struct error *err)
    __attribute__((warn_unused_result));

/* The same of a graph of several inputs, in their order. One of them that a
 * node makes is taken as it is given. */
bool reference_run_on(struct reference *ref, const struct graph *graph,
                      const double *const *inputs, struct error *err)
    __attribute__((warn_unused_result));

void reference_release(struct reference *ref);

/* Where element `i` of a tensor of shape (n, c, h, w) stands once it is stored
 * as (n, h, w, c). */
size_t reference_nhwc_index(const struct graph_shape *nchw, size_t i);

/* The largest |a[i] - b[i]|, divided by the largest |a[i]| or 1, whichever is
 * larger: the relative distance that the tests bound. Infinite where either
 * has a value that is not finite. */
double reference_distance(const double *a, const double *b, size_t count);

#endif
