#ifndef ENGINE_XNN_XNNRUN_H
#define ENGINE_XNN_XNNRUN_H

/* The door to XNNPACK: a run of nodes as one XNNPACK runtime. */

#include <stddef.h>

#include "engine/base/team.h"
#include "engine/graph/graph.h"
#include "engine/xnn/xnnweights.h"

struct xnnrun;

/* "2022" or "2024": see xnn.h. */
const char *xnnrun_generation(void);

/* Whether the library at hand runs the node; graph_layout must be done. */
bool xnnrun_supports(const struct graph *graph, const struct graph_node *node);

/* Whether the library at hand computes with integers of 8 bits as we want it:
 * that of 2024 does. */
bool xnnrun_has_int8(void);

/* Whether it runs the node with its weights quantized, and may gain by it: a
 * linear layer, or a convolution of 1 x 1, of constants, that takes as many
 * channels as below. What the node takes is quantized when it comes: a scale
 * and a zero for the picture, or for each row that a linear layer takes. What
 * it makes is floats. */
enum { XNNRUN_INT8_CHANNELS = 32 };
bool xnnrun_supports_int8(const struct graph *graph,
                          const struct graph_node *node);

/* Some of the graph's values and where their elements are: floats, with
 * XNNRUN_SLACK more bytes after them that may be read. */
struct xnnrun_external {
    int value;
    float *data;
    bool is_output; /* made by the nodes, else taken by them */
};
enum { XNNRUN_SLACK = 128 };

/* Builds a runtime of the nodes first .. first + count - 1, each of which
 * xnnrun_supports. Every value that crosses the border of the run is among
 * the externals. Nodes whose weights are quantized in `weights` run with
 * integers. Its loops are run by `member` (NULL: alone). Graph, weights and
 * member must outlive the runtime. Returns NULL
 * and ERROR_MEMORY or ERROR_INTERNAL. */
struct xnnrun *
xnnrun_new(const struct graph *graph, struct xnnweights *weights, size_t first,
           size_t count, const struct xnnrun_external *externals,
           size_t num_externals, struct team_member *member, struct error *err)
    __attribute__((warn_unused_result));

/* Runs the nodes. ERROR_INTERNAL. One thread at a time. */
bool xnnrun_run(struct xnnrun *run, struct error *err)
    __attribute__((warn_unused_result));

void xnnrun_free(struct xnnrun *run);

#endif
