#ifndef ENGINE_ASCEND_NATURE_TABLE_H
#define ENGINE_ASCEND_NATURE_TABLE_H

/* Written by tools/nature.py. Private to nature.c. */

/* clang-format off */

/* Cycles per pixel of the first and the last band. */
static const double NATURE_LOWEST = 0.0078125;
static const double NATURE_HIGHEST = 0.7071000;
enum { NATURE_NUM_BANDS = 20 };

const float nature_colours[3][3] = {
    {1.2175f, 0.4475f, 0.0704f},
    {1.2668f, -0.0619f, -0.1769f},
    {1.2326f, -0.3784f, 0.1122f},
};

static const float log_magnitudes[3][NATURE_NUM_BANDS] = {
    {3.2412f, 3.0774f, 3.0411f, 2.7113f, 2.5093f, 2.2303f, 1.8691f,
     1.5923f, 1.3309f, 0.9972f, 0.6923f, 0.3532f, -0.0325f, -0.3938f,
     -0.7439f, -1.1066f, -1.5275f, -2.0160f, -2.4076f, -2.8031f},
    {3.3836f, 3.0929f, 3.0701f, 2.7736f, 2.4899f, 2.2369f, 1.8509f,
     1.4803f, 1.1496f, 0.8499f, 0.5195f, 0.2155f, -0.1276f, -0.4497f,
     -0.7749f, -1.0949f, -1.4433f, -1.7788f, -2.0720f, -2.3547f},
    {3.1753f, 2.9504f, 2.9018f, 2.3955f, 2.1741f, 1.8671f, 1.5292f,
     1.2140f, 0.9628f, 0.6989f, 0.4318f, 0.1748f, -0.0772f, -0.3324f,
     -0.5732f, -0.8706f, -1.1481f, -1.4235f, -1.6268f, -1.7652f},
};
/* clang-format on */

#endif
