#ifndef ENGINE_XNN_XNNRUN_H
#define ENGINE_XNN_XNNRUN_H

/* The door to XNNPACK: runs consecutive nodes as one XNNPACK runtime. */

#include <stddef.h>

#include "engine/base/team.h"
#include "engine/graph/graph.h"
#include "engine/xnn/xnnweights.h"

struct xnnrun;

/* "2022" or "2024": see xnn.h. */
const char *xnnrun_generation(void);

/* Whether this version of the library supports the node; graph_layout must have
 * run. */
bool xnnrun_supports(const struct graph *graph, const struct graph_node *node);

/* Whether this version of the library can compute with 8-bit integers as we
 * need it: the one from 2024 can. */
bool xnnrun_has_int8(void);

/* Whether the node can run with quantized weights and may gain from it: a
 * linear layer or a 1 x 1 convolution with constant weights and at least this
 * many input channels. Its input is quantized at run time: with one scale and
 * zero point for the image, or for each row of a linear layer's input. Its
 * output is float. */
enum { XNNRUN_INT8_CHANNELS = 32 };
bool xnnrun_supports_int8(const struct graph *graph,
                          const struct graph_node *node);

/* A value of the graph and the address of its elements: floats, followed by
 * XNNRUN_SLACK bytes that may be read. */
struct xnnrun_external {
    int value;
    float *data;
    bool is_output; /* an output of the nodes; otherwise an input */
};
enum { XNNRUN_SLACK = 128 };

/* Builds a runtime for the nodes first .. first + count - 1, all of which are
 * supported by xnnrun_supports. Every value that enters or leaves these nodes
 * must be among the externals. Nodes whose weights are quantized in `weights`
 * run with integers. Loops are run by `member` (NULL: by the calling thread
 * alone). Graph, weights and member must outlive the runtime. Returns NULL and
 * ERROR_MEMORY or ERROR_INTERNAL. */
struct xnnrun *
xnnrun_new(const struct graph *graph, struct xnnweights *weights, size_t first,
           size_t count, const struct xnnrun_external *externals,
           size_t num_externals, struct team_member *member, struct error *err)
    __attribute__((warn_unused_result));

/* About how many bytes the library takes for such a runtime: packed weights,
 * unless other runtimes have them already, the addresses of what windows cover,
 * and the values between the nodes, which are those that are not in `external`
 * (graph's num_values). */
size_t xnnrun_len(const struct graph *graph, struct xnnweights *weights,
                  size_t first, size_t count, const bool *external);

/* Runs the nodes. ERROR_INTERNAL. One thread at a time. */
bool xnnrun_run(struct xnnrun *run, struct error *err)
    __attribute__((warn_unused_result));

void xnnrun_free(struct xnnrun *run);

#endif
