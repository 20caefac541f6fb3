#include "engine/xnn/quantize.h"

float quantize_largest(const float *row, size_t count)
{
    float most = 0;

    for (size_t i = 0; i < count; i++) {
        float size = row[i] < 0 ? -row[i] : row[i];

        most = size > most ? size : most;
    }
    return most;
}

void quantize_rows(int8_t *restrict quantized, float *restrict scales,
                   const float *restrict weights, size_t rows, size_t columns,
                   int most)
{
    const float end = (float)most;

    for (size_t o = 0; o < rows; o++) {
        const float *row = weights + o * columns;
        int8_t *out = quantized + o * columns;
        float scale = quantize_largest(row, columns) / end;
        float inverse;

        /* The row is all zeros, too small for the reciprocal of a float, or has
         * an infinity in it. */
        if (!(scale > 1e-30f && scale < 1e30f))
            scale = 1;
        inverse = 1 / scale;
        scales[o] = scale;
        for (size_t i = 0; i < columns; i++) {
            float value = row[i] * inverse;

            value = value < end ? value > -end ? value : -end : end;
            out[i] = (int8_t)(value + (value < 0 ? -0.5f : 0.5f));
        }
    }
}
