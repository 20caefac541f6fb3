#ifndef ENGINE_XNN_XNNWEIGHTS_H
#define ENGINE_XNN_XNNWEIGHTS_H

/* What all sessions of a network share of its weights: those that are
 * quantized (quantize.h), and, with the XNNPACK of 2024, all weights in the
 * order in which its kernels read them, which that of 2022 keeps a copy of for
 * each session.
 *
 * XNNPACK asks for packed weights by the address of the unpacked ones. That
 * two nodes may share a constant and want it packed differently is why the
 * turn, at which XNNPACK asked when it made the same runtime for the first
 * time, has to agree as well. */

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

/* Quantizes the constants that `int8` marks (by the numbers of the graph's
 * values; NULL: none), each of which has a row for each index of its first
 * axis. The graph must outlive it. Returns NULL on ERROR_MEMORY. */
struct xnnweights *xnnweights_new(const struct graph *graph, const bool *int8,
                                  struct error *err)
    __attribute__((warn_unused_result));

/* A constant as integers. Any thread. */
struct xnnweights_int8 xnnweights_get(const struct xnnweights *weights,
                                      int value);

/* While a runtime is made: waits until nobody else makes one, and returns what
 * the runtime is to be told, or NULL with the library of 2022. `first` is the
 * number of the runtime's first node. */
struct xnn_weights_cache_provider *xnnweights_begin(struct xnnweights *weights,
                                                    size_t first);
void xnnweights_end(struct xnnweights *weights);

/* Bytes of packed weights that are shared. */
size_t xnnweights_packed_len(struct xnnweights *weights);

/* After the last runtime is gone. NULL is fine. */
void xnnweights_free(struct xnnweights *weights);

#endif
