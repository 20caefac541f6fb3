/* Class activation maps. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/explain/cam.h"

#include <cmocka.h>

static void the_mean_of_a_map_is_the_logit(void **state)
{
    const float features[2 * 2 * 3] = {1, 0, 2, 0, 1, 0, 3, 1, 1, 0, 0, 0};
    const float weights[3] = {0.5f, -1.0f, 2.0f};
    float map[4];

    (void)state;
    cam_weigh(map, features, weights, 2, 2, 3);
    assert_float_equal(map[0], 4.5f, 0);
    assert_float_equal(map[1], -1, 0);
    assert_float_equal(map[2], 2.5f, 0);
    assert_float_equal(map[3], 0, 0);
    /* pooled features are 1, 0.5, 0.75: 0.5 - 0.5 + 1.5 */
    assert_float_equal((map[0] + map[1] + map[2] + map[3]) / 4, 1.5f, 1e-6);
}

/* Sums in double, term by term; every number of channels about the width of
 * a vector, and the 1280 of EfficientNet. */
static void maps_of_any_number_of_channels_agree_with_a_plain_sum(void **state)
{
    enum { HEIGHT = 3, WIDTH = 5, MOST = 1280 };
    float *features = malloc(sizeof *features * HEIGHT * WIDTH * MOST);
    float *weights = malloc(sizeof *weights * MOST);
    float map[HEIGHT * WIDTH];

    (void)state;
    for (size_t i = 0; i < (size_t)HEIGHT * WIDTH * MOST; i++)
        features[i] = (float)(i * 7919 % 613) / 100;
    for (size_t i = 0; i < MOST; i++)
        weights[i] = (float)(i * 104729 % 211) / 1000 - 0.1f;
    for (size_t channels = 0; channels <= MOST;
         channels = channels < 70 ? channels + 1 : channels + 605) {
        cam_weigh(map, features, weights, HEIGHT, WIDTH, channels);
        for (size_t cell = 0; cell < HEIGHT * WIDTH; cell++) {
            double sum = 0, size = 0;

            for (size_t c = 0; c < channels; c++) {
                double term =
                    (double)weights[c] * (double)features[cell * channels + c];

                sum += term;
                size += fabs(term);
            }
            /* float's 2^-24 a term, and far less in practice */
            assert_true(fabs(map[cell] - sum) <= size * 1e-6);
        }
    }
    free(features);
    free(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mean_of_a_map_is_the_logit),
        cmocka_unit_test(maps_of_any_number_of_channels_agree_with_a_plain_sum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
