#include "engine/run/dense_tile.h"

#include <unistd.h>

const struct dense_kernel *dense_tile_best(void)
{
    const struct dense_kernel *wide = dense_tile_avx512();

    return wide ? wide : dense_tile_avx2();
}

const struct dense_kernel *dense_tile_for(size_t groups, size_t out)
{
    const struct dense_kernel *narrow = dense_tile_avx2();

    return narrow && groups > 1 && out / groups <= narrow->lanes / 2
               ? narrow
               : dense_tile_best();
}

/* Where the size of a core's cache is not known. */
#define DEFAULT_GROUP_BYTES ((size_t)160 << 10)

size_t dense_tile_group_bytes(void)
{
    long cache = sysconf(_SC_LEVEL2_CACHE_SIZE);

    return cache > 0 ? (size_t)cache / 16 * 5 : DEFAULT_GROUP_BYTES;
}
