/* DESIGN: A tile register of AMX is 16 rows of 64 bytes. TDPBUSD multiplies 64
 * inputs of 16 positions by 64 weights of 16 channels. Two registers of
 * positions by two of channels: four products for four loads. Weights lie as
 * the instruction wants them, in groups of four of each lane, 16 groups to a
 * register. */

#include "engine/run/dense_int8_tile.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    ROWS = 16, /* of a register */
    WIDTH = 16,
    DEPTH = ROWS * DENSE_INT8_GROUP,
    STRIDE = DENSE_INT8_LANES * DENSE_INT8_GROUP,  /* bytes, of weights */
    SUMS = DENSE_INT8_LANES * (int)sizeof(int32_t) /* bytes, of results */
};

#define AMX_TARGET __attribute__((target("amx-tile,amx-int8")))
#define AMX_INLINE AMX_TARGET static inline __attribute__((always_inline))

/* Sums are in registers 0 to 3, inputs in 4 and 5, weights in 6 and 7. */
AMX_TARGET static void begin(void)
{
    struct {
        uint8_t palette, start, zeros[14];
        uint16_t bytes[16]; /* of a row */
        uint8_t rows[16];
    } shapes = {.palette = 1};

    for (int i = 0; i < 8; i++) {
        shapes.bytes[i] = DEPTH;
        shapes.rows[i] = ROWS;
    }
    _tile_loadconfig(&shapes);
}

AMX_TARGET static void end(void)
{
    _tile_release();
}

/* Of 16 or 32 positions, and 16 or 32 channels. */
AMX_INLINE void run(int32_t *results, const struct dense_int8_tile *tile,
                    bool tall, bool wide)
{
    const size_t step = tile->step;
    const int8_t *weights = tile->panel;

    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t r = 0; r < tile->num_runs; r++) {
        const uint8_t *in = tile->in + tile->runs[r];

        for (size_t i = 0; i < tile->length; i += DEPTH) {
            _tile_loadd(6, weights, STRIDE);
            _tile_loadd(4, in + i, step);
            _tile_dpbusd(0, 4, 6);
            if (wide) {
                _tile_loadd(7, weights + STRIDE / 2, STRIDE);
                _tile_dpbusd(1, 4, 7);
            }
            if (tall) {
                _tile_loadd(5, in + i + ROWS * step, step);
                _tile_dpbusd(2, 5, 6);
                if (wide)
                    _tile_dpbusd(3, 5, 7);
            }
            weights += ROWS * STRIDE;
        }
    }
    _tile_stored(0, results, SUMS);
    if (wide)
        _tile_stored(1, results + WIDTH, SUMS);
    if (tall)
        _tile_stored(2, results + ROWS * DENSE_INT8_LANES, SUMS);
    if (tall && wide)
        _tile_stored(3, results + ROWS * DENSE_INT8_LANES + WIDTH, SUMS);
}

AMX_TARGET static void run_tile(int32_t *sums,
                                const struct dense_int8_tile *tile)
{
    bool tall = tile->num_positions > ROWS, wide = tile->num_lanes > WIDTH;

    if (tall && wide)
        run(sums, tile, true, true);
    else if (tall)
        run(sums, tile, true, false);
    else if (wide)
        run(sums, tile, false, true);
    else
        run(sums, tile, false, false);
}

/* The system must be asked once in a process, as each of its threads then has 8
 * KiB more to save. */
static bool is_allowed(void)
{
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };

    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

const struct dense_int8_kernel *dense_int8_amx(void)
{
    static const struct dense_int8_kernel kernel = {
        .name = "AMX",
        .positions = 2 * ROWS,
        .most = DENSE_INT8_MOST,
        .depth = DEPTH,
        .begin = begin,
        .run = run_tile,
        .vectors = &dense_int8_finish_vectors,
        .end = end,
    };
    enum { HAS_TILE = 1 << 24, HAS_INT8 = 1 << 25 }; /* leaf 7, edx */
    unsigned a, b, c, d;

    return dense_int8_vnni() && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
                   (d & HAS_TILE) && (d & HAS_INT8) && is_allowed()
               ? &kernel
               : NULL;
}
#else
const struct dense_int8_kernel *dense_int8_amx(void)
{
    return NULL;
}
#endif
