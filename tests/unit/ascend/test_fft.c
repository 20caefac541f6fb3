/* Fourier transforms, against their sums in double precision. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/ascend/fft.h"
#include "engine/explain/random.h"

#include "tests/unit/alloc_sweep.h"

static const double TWO_PI = 6.283185307179586476925;

/* Of the largest element of the result. */
#define TOLERANCE 2e-6

enum { MOST = 36 * 60, PLANES = FFT_MAX_PLANES };

struct sizes {
    size_t height, width;
};

/* Every radix, odd and even sides, more lines than a tile has, and one pixel.
 */
static const struct sizes sizes[] = {
    {1, 1}, {2, 3}, {7, 8}, {36, 60}, {25, 14}, {5, 48}, {49, 1}, {1, 10},
};

enum { NUM_SIZES = sizeof sizes / sizeof sizes[0] };

static double share(size_t a, size_t b, size_t length)
{
    return (double)(a * b % length) / (double)length;
}

/* The sum over the whole spectrum for a pixel; `re` and `im` are one plane of
 * the half spectrum. */
static double pixel_of(const float *re, const float *im, struct sizes s,
                       size_t y, size_t x)
{
    size_t half = s.width / 2 + 1;
    double sum = 0;

    for (size_t v = 0; v < s.height; v++)
        for (size_t u = 0; u < half; u++) {
            double angle =
                TWO_PI * (share(v, y, s.height) + share(u, x, s.width));
            double weight = u == 0 || 2 * u == s.width ? 1 : 2;

            sum += weight * ((double)re[v * half + u] * cos(angle) -
                             (double)im[v * half + u] * sin(angle));
        }
    return sum;
}

static void spectrum_of(double *re, double *im, const float *picture,
                        struct sizes s, size_t v, size_t u)
{
    *re = *im = 0;
    for (size_t y = 0; y < s.height; y++)
        for (size_t x = 0; x < s.width; x++) {
            double angle =
                -TWO_PI * (share(v, y, s.height) + share(u, x, s.width));

            *re += (double)picture[y * s.width + x] * cos(angle);
            *im += (double)picture[y * s.width + x] * sin(angle);
        }
}

static struct fft *open_fft(struct sizes s, struct team_member *member)
{
    struct error err = {0};
    struct fft *fft = fft_new(s.height, s.width, member, &err);

    assert_non_null(fft);
    return fft;
}

static void check_inverse(struct sizes s)
{
    static float re[PLANES * MOST], im[PLANES * MOST], out[PLANES * MOST];
    size_t half = s.height * (s.width / 2 + 1), plane = s.height * s.width;
    struct fft *fft = open_fft(s, NULL);
    double worst = 0, most = 0;

    random_normal(re, 1, 0, PLANES * half);
    random_normal(im, 2, 0, PLANES * half);
    fft_inverse(fft, out, re, im, PLANES);
    for (size_t p = 0; p < PLANES; p++)
        for (size_t i = 0; i < plane; i++) {
            double wanted = pixel_of(re + p * half, im + p * half, s,
                                     i / s.width, i % s.width);

            worst = fmax(worst, fabs(wanted - (double)out[p * plane + i]));
            most = fmax(most, fabs(wanted));
        }
    assert_true(worst <= TOLERANCE * most);
    fft_free(fft);
}

static void the_inverse_is_the_sum_over_the_whole_spectrum(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUM_SIZES; i++)
        check_inverse(sizes[i]);
}

static void check_forward(struct sizes s)
{
    static float re[MOST], im[MOST], picture[MOST];
    size_t half = s.width / 2 + 1;
    struct fft *fft = open_fft(s, NULL);
    double worst = 0, most = 0;

    random_normal(picture, 3, 0, s.height * s.width);
    fft_forward(fft, re, im, picture, 1);
    for (size_t i = 0; i < s.height * half; i++) {
        double a, b;

        spectrum_of(&a, &b, picture, s, i / half, i % half);
        worst = fmax(worst, hypot(a - (double)re[i], b - (double)im[i]));
        most = fmax(most, hypot(a, b));
    }
    assert_true(worst <= TOLERANCE * most);
    fft_free(fft);
}

static void the_transform_is_the_sum_over_the_picture(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUM_SIZES; i++)
        check_forward(sizes[i]);
}

static void threads_do_not_change_a_bit(void **state)
{
    static float re[MOST], im[MOST], alone[MOST], together[MOST];
    const struct sizes s = {36, 60};
    struct error err = {0};
    struct team *team = team_new(3, &err);
    struct team_member member;
    struct fft *one, *three;

    (void)state;
    assert_non_null(team);
    team_member_init(&member, team);
    one = open_fft(s, NULL);
    three = open_fft(s, &member);
    random_normal(re, 4, 0, s.height * (s.width / 2 + 1));
    random_normal(im, 5, 0, s.height * (s.width / 2 + 1));
    fft_inverse(one, alone, re, im, 1);
    fft_inverse(three, together, re, im, 1);
    assert_memory_equal(alone, together, s.height * s.width * sizeof(float));
    team_rest(&member);
    fft_free(one);
    fft_free(three);
    team_free(team);
}

static void good_sizes_have_small_factors(void **state)
{
    (void)state;
    assert_int_equal(fft_good_size(1), 1);
    assert_int_equal(fft_good_size(11), 12);
    assert_int_equal(fft_good_size(224), 224);
    assert_int_equal(fft_good_size(299), 300);
    assert_int_equal(fft_good_size(1021), 1024);
}

static bool open_once(void *arg, struct error *err)
{
    struct fft *fft = fft_new(6, 10, NULL, err);

    (void)arg;
    fft_free(fft);
    return fft;
}

static void a_lack_of_memory_is_reported(void **state)
{
    (void)state;
    alloc_sweep(open_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_inverse_is_the_sum_over_the_whole_spectrum),
        cmocka_unit_test(the_transform_is_the_sum_over_the_picture),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(good_sizes_have_small_factors),
        cmocka_unit_test(a_lack_of_memory_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
