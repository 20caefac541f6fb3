#ifndef TESTS_REWRITTEN_H
#define TESTS_REWRITTEN_H

#include <stdbool.h>

#include "engine/graph/graph.h"

/* Writes a graph as ONNX and reads the file again, and expects every output to
 * have the same numbers by the interpreter, of the same inputs (one array of
 * doubles for each of the graph's). Whatever fails here fails the running
 * cmocka test; `name` is for its message. Returns whether the graph could be
 * written: false if a node is in no ONNX file of this opset. */
bool expect_rewritten(const struct graph *graph, const double *const *inputs,
                      const char *name);

#endif
