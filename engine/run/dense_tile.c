#include "engine/run/dense_tile.h"

const struct dense_kernel *dense_tile_best(void)
{
    const struct dense_kernel *wide = dense_tile_avx512();

    return wide ? wide : dense_tile_avx2();
}
