#include "engine/xnn/xnnweights.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hugepages.h"
#include "engine/xnn/quantize.h"
#include "engine/xnn/xnn.h"

#if XNN_IS_2024
/* Packed weights that a kernel reads. */
struct packed {
    struct xnn_weights_cache_look_up_key key;
    size_t first, turn; /* the runtime, and the turn at which it asked */
    void *data;         /* owned */
    size_t len;         /* bytes */
};
#endif

struct xnnweights {
    size_t num_values;
    struct xnnweights_int8 *int8; /* (num_values) owned, and what they hold */
    pthread_mutex_t lock;         /* held while a runtime is created */
#if XNN_IS_2024
    struct xnn_weights_cache_provider provider;
    struct packed *packed; /* (num_packed) owned; guarded by lock */
    size_t num_packed, cap_packed;
    size_t first, turn; /* of the runtime that is being created */
    void *reserved;     /* memory for the weights that are packed next; owned */
    size_t reserved_len; /* bytes */
#endif
};

#if XNN_IS_2024
/* Callbacks of XNNPACK. It calls them while it creates a runtime, under the
 * lock; it calls is_finalized and offset_to_addr also while it runs one, and
 * these read nothing that changes. An "offset" is the address itself. */

/* The weights packed at this turn of the same runtime, or SIZE_MAX. */
static size_t find(const struct xnnweights *weights,
                   const struct xnn_weights_cache_look_up_key *key)
{
    for (size_t i = 0; i < weights->num_packed; i++) {
        const struct packed *packed = &weights->packed[i];

        if (packed->first == weights->first && packed->turn == weights->turn &&
            packed->key.seed == key->seed &&
            packed->key.kernel == key->kernel && packed->key.bias == key->bias)
            return (size_t)(uintptr_t)packed->data;
    }
    return SIZE_MAX;
}

static size_t look_up(void *context,
                      const struct xnn_weights_cache_look_up_key *key)
{
    struct xnnweights *weights = context;

    weights->turn++;
    return find(weights, key);
}

static void *reserve_space(void *context, size_t len)
{
    struct xnnweights *weights = context;

    hugepages_give(weights->reserved);
    weights->reserved = hugepages_take(len);
    weights->reserved_len = len;
    return weights->reserved;
}

static size_t insert(void *context,
                     const struct xnn_weights_cache_look_up_key *key,
                     void *data, size_t len)
{
    struct xnnweights *weights = context;
    size_t found = find(weights, key);

    /* Some operators ask again for weights that were just inserted. */
    if (found != SIZE_MAX)
        return found;
    if (!data || data != weights->reserved || len > weights->reserved_len)
        return SIZE_MAX;
    if (weights->num_packed == weights->cap_packed) {
        size_t cap = 2 * weights->cap_packed + 64;
        struct packed *more =
            realloc(weights->packed, cap * sizeof *weights->packed);

        if (!more)
            return SIZE_MAX;
        weights->packed = more;
        weights->cap_packed = cap;
    }
    weights->packed[weights->num_packed++] = (struct packed){
        .key = *key,
        .first = weights->first,
        .turn = weights->turn,
        .data = data,
        .len = len,
    };
    weights->reserved = NULL;
    return (size_t)(uintptr_t)data;
}

static bool is_finalized(void *context)
{
    (void)context;
    return true;
}

static void *offset_to_addr(void *context, size_t offset)
{
    (void)context;
    return (void *)(uintptr_t)offset;
}

static enum xnn_status delete_cache(void *context)
{
    (void)context;
    return xnn_status_success;
}

static void set_provider(struct xnnweights *weights)
{
    weights->provider = (struct xnn_weights_cache_provider){
        .context = weights,
        .look_up = look_up,
        .reserve_space = reserve_space,
        .look_up_or_insert = insert,
        .is_finalized = is_finalized,
        .offset_to_addr = offset_to_addr,
        .delete_cache = delete_cache,
    };
}
#endif

static bool quantize(struct xnnweights_int8 *out,
                     const struct graph_value *value, struct error *err)
{
    size_t rows = value->shape.dim[0];
    size_t columns = graph_shape_count(&value->shape) / rows;
    int8_t *data = malloc(rows * columns);
    float *scales = malloc(rows * sizeof *scales);

    *out = (struct xnnweights_int8){.data = data, .scales = scales};
    if (!data || !scales)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu weights",
                    rows * columns);
    quantize_rows(data, scales, graph_floats(value), rows, columns,
                  QUANTIZE_MOST);
    return true;
}

struct xnnweights *xnnweights_new(const struct graph *graph, const bool *int8,
                                  struct error *err)
{
    struct xnnweights *weights = calloc(1, sizeof *weights);
    bool ok = true;

    if (!weights) {
        fail(err, ERROR_MEMORY, "not enough memory for a network's weights");
        return NULL;
    }
    pthread_mutex_init(&weights->lock, NULL);
#if XNN_IS_2024
    set_provider(weights);
#endif
    weights->int8 = calloc(graph->num_values, sizeof *weights->int8);
    if (!weights->int8)
        ok = fail(err, ERROR_MEMORY, "not enough memory for %zu values",
                  graph->num_values);
    else
        weights->num_values = graph->num_values;
    for (size_t v = 0; ok && int8 && v < graph->num_values; v++)
        ok = !int8[v] || quantize(&weights->int8[v], &graph->values[v], err);
    if (!ok) {
        xnnweights_free(weights);
        weights = NULL;
    }
    return weights;
}

struct xnnweights_int8 xnnweights_get(const struct xnnweights *weights,
                                      int value)
{
    return weights->int8[value];
}

struct xnn_weights_cache_provider *xnnweights_begin(struct xnnweights *weights,
                                                    size_t first)
{
    pthread_mutex_lock(&weights->lock);
#if XNN_IS_2024
    weights->first = first;
    weights->turn = 0;
    return &weights->provider;
#else
    (void)first;
    return NULL;
#endif
}

void xnnweights_end(struct xnnweights *weights)
{
#if XNN_IS_2024
    hugepages_give(weights->reserved);
    weights->reserved = NULL;
#endif
    pthread_mutex_unlock(&weights->lock);
}

size_t xnnweights_packed_len(struct xnnweights *weights)
{
    size_t len = 0;

#if XNN_IS_2024
    pthread_mutex_lock(&weights->lock);
    for (size_t i = 0; i < weights->num_packed; i++)
        len += weights->packed[i].len;
    pthread_mutex_unlock(&weights->lock);
#else
    (void)weights;
#endif
    return len;
}

void xnnweights_free(struct xnnweights *weights)
{
    if (!weights)
        return;
#if XNN_IS_2024
    for (size_t i = 0; i < weights->num_packed; i++)
        hugepages_give(weights->packed[i].data);
    hugepages_give(weights->reserved);
    free(weights->packed);
#endif
    for (size_t v = 0; v < weights->num_values; v++) {
        free((void *)(uintptr_t)weights->int8[v].data);
        free((void *)(uintptr_t)weights->int8[v].scales);
    }
    free(weights->int8);
    pthread_mutex_destroy(&weights->lock);
    free(weights);
}
