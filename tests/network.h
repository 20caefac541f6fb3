#ifndef TESTS_NETWORK_H
#define TESTS_NETWORK_H

/* Random small networks, as onnx_read would leave them, for tests that hold a
 * pass or a plan to the reference. The same seed makes the same network on
 * every machine. */

#include <stdint.h>

#include "engine/graph/graph.h"

/* Which operators may appear. */
enum network_kind {
    NETWORK_PLAIN, /* what EfficientNet-Lite is made of, in NCHW */
    NETWORK_ANY,   /* every operator, transposes and odd shapes included */
};

/* Fills an empty graph: a picture of 3 channels, some layers, and one or two
 * outputs: the logits, and sometimes the feature map before the pooling. */
void network_make(struct graph *graph, enum network_kind kind, uint64_t seed);

#endif
