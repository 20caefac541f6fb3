#include "engine/xnn/quantize.h"

/* The largest magnitude of a row. */
static float largest(const float *row, size_t count)
{
    float most = 0;

    for (size_t i = 0; i < count; i++) {
        float size = row[i] < 0 ? -row[i] : row[i];

        most = size > most ? size : most;
    }
    return most;
}

void quantize_rows(int8_t *restrict quantized, float *restrict scales,
                   const float *restrict weights, size_t rows, size_t columns)
{
    for (size_t o = 0; o < rows; o++) {
        const float *row = weights + o * columns;
        int8_t *out = quantized + o * columns;
        float scale = largest(row, columns) / 127;
        float inverse;

        /* The row is all zeros, too small for the reciprocal of a float, or has
         * an infinity in it. */
        if (!(scale > 1e-30f && scale < 1e30f))
            scale = 1;
        inverse = 1 / scale;
        scales[o] = scale;
        for (size_t i = 0; i < columns; i++) {
            float value = row[i] * inverse;

            value = value < 127 ? value > -127 ? value : -127 : 127;
            out[i] = (int8_t)(value + (value < 0 ? -0.5f : 0.5f));
        }
    }
}
