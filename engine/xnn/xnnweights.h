#ifndef ENGINE_XNN_XNNWEIGHTS_H
#define ENGINE_XNN_XNNWEIGHTS_H

/* The weights that all sessions of a network share: the quantized ones
 * (quantize.h) and, with the XNNPACK of 2024, all weights packed in the order
 * in which its kernels read them. The XNNPACK of 2022 packs a copy for each
 * session.
 *
 * XNNPACK looks up packed weights by the address of the unpacked ones. Two
 * nodes may share a constant but need it packed differently, so the turn at
 * which XNNPACK asked when it first created the same runtime has to match as
 * well. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/graph/graph.h"

struct xnnweights;
struct xnn_weights_cache_provider;

/* A quantized constant of the graph. */
struct xnnweights_int8 {
    const int8_t *data;  /* (rows, columns), or NULL: not quantized */
    const float *scales; /* (rows) */
};

/* Quantizes the constants marked in `int8` (indexed by the graph's values;
 * NULL: none), each with one row per index of its first axis. The graph must
 * outlive the result. Returns NULL on ERROR_MEMORY. */
struct xnnweights *xnnweights_new(const struct graph *graph, const bool *int8,
                                  struct error *err)
    __attribute__((warn_unused_result));

/* A constant's quantized elements. Any thread. */
struct xnnweights_int8 xnnweights_get(const struct xnnweights *weights,
                                      int value);

/* Starts creating a runtime: waits until no other thread creates one, and
 * returns the provider for the runtime, or NULL with the library of 2022.
 * `first` is the number of the runtime's first node. */
struct xnn_weights_cache_provider *xnnweights_begin(struct xnnweights *weights,
                                                    size_t first);
void xnnweights_end(struct xnnweights *weights);

/* The size of the packed weights that are shared, in bytes. */
size_t xnnweights_packed_len(struct xnnweights *weights);

/* To be called after the last runtime was freed. NULL is allowed. */
void xnnweights_free(struct xnnweights *weights);

#endif
