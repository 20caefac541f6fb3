/* What photos are alike, how they are divided into folds, and the temperature
 * of logits: against plain loops and figures worked out by hand. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/explain/random.h"
#include "engine/fit/alike.h"
#include "engine/fit/folds.h"
#include "engine/fit/softmax.h"
#include "engine/fit/temperature.h"

#include "tests/unit/alloc_sweep.h"

/* ---- hashes ---- */

static void a_ramp_has_all_bits_and_its_mirror_none(void **state)
{
    enum { WIDTH = 27, HEIGHT = 16 };
    float ramp[HEIGHT * WIDTH * 3], mirror[HEIGHT * WIDTH * 3];

    (void)state;
    for (size_t i = 0; i < HEIGHT * WIDTH; i++)
        for (size_t c = 0; c < 3; c++) {
            ramp[i * 3 + c] = (float)(i % WIDTH);
            mirror[i * 3 + c] = -(float)(i % WIDTH);
        }
    assert_true(alike_hash(ramp, HEIGHT, WIDTH, 3) == UINT64_MAX);
    assert_true(alike_hash(mirror, HEIGHT, WIDTH, 3) == 0);
}

static void one_bright_cell_is_one_bit(void **state)
{
    float picture[8 * 9] = {0};

    (void)state;
    picture[2 * 9 + 4] = 1; /* row 2: the fourth difference */
    assert_true(alike_hash(picture, 8, 9, 1) == (uint64_t)1
                                                    << (63 - (2 * 8 + 3)));
}

static void a_picture_smaller_than_the_cells_has_a_hash(void **state)
{
    const float picture[2] = {0, 1};

    (void)state;
    assert_true(alike_hash(picture, 1, 2, 1) == 0x0808080808080808u ||
                alike_hash(picture, 1, 2, 1) == 0x1010101010101010u);
}

/* ---- photos that are alike ---- */

enum { PHOTOS = 60, FEATURES = 40 };

/* Random photos, of which every third is a copy of the one before it, with some
 * noise. */
struct album {
    float features[PHOTOS * FEATURES];
    uint64_t hashes[PHOTOS];
    struct alike_photos photos;
};

static void fill(struct album *album)
{
    random_normal(album->features, 7, 0, PHOTOS * FEATURES);
    for (size_t i = 0; i < PHOTOS; i++) {
        const bool is_copy = i % 3 == 2;
        float *row = album->features + i * FEATURES;

        for (size_t d = 0; is_copy && d < FEATURES; d++)
            row[d] = row[d - FEATURES] + 0.1f * row[d];
        album->hashes[i] = is_copy ? album->hashes[i - 1] ^ 0x100010001
                                   : (uint64_t)(random_uniform(3, i) * 0x1p53)
                                         << 11;
    }
    album->photos = (struct alike_photos){.features = album->features,
                                          .hashes = album->hashes,
                                          .count = PHOTOS,
                                          .size = FEATURES,
                                          .stride = FEATURES};
}

static void copies_and_only_these_are_found(void **state)
{
    static struct album album;
    struct error err = {0};

    (void)state;
    fill(&album);
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct alike alike = {0};

        assert_true(alike_find(&alike, &album.photos, threads, &err));
        assert_int_equal(alike.num_pairs, PHOTOS / 3);
        assert_int_equal(alike.num_groups, PHOTOS - PHOTOS / 3);
        for (size_t i = 0; i < alike.num_pairs; i++) {
            const struct alike_pair *pair = &alike.pairs[i];

            assert_int_equal(pair->a, 3 * i + 1);
            assert_int_equal(pair->b, 3 * i + 2);
            assert_int_equal(pair->bits, 3);
            assert_true(pair->cosine > 0.98f && pair->cosine <= 1.0001f);
            assert_int_equal(alike.groups[pair->a], alike.groups[pair->b]);
        }
        alike_release(&alike);
    }
}

static void those_alike_to_one_photo_are_one_group(void **state)
{
    /* 0 is like 1, and 1 like 2, but 0 is not like 2. */
    static const float features[4 * 8] = {
        1,    0,    0, 0, 0, 0, 0, 0, 0.9f, 0.4f, 0, 0, 0, 0, 0, 0,
        0.6f, 0.8f, 0, 0, 0, 0, 0, 0, -1,   0,    0, 0, 0, 0, 0, 0};
    static const uint64_t hashes[4] = {0};
    const struct alike_photos photos = {.features = features,
                                        .hashes = hashes,
                                        .count = 4,
                                        .size = 8,
                                        .stride = 8};
    struct alike alike = {0};
    struct error err = {0};

    (void)state;
    assert_true(alike_find(&alike, &photos, 1, &err));
    assert_int_equal(alike.num_pairs, 2);
    assert_int_equal(alike.num_groups, 2);
    assert_int_equal(alike.groups[0], 0);
    assert_int_equal(alike.groups[1], 0);
    assert_int_equal(alike.groups[2], 0);
    assert_int_equal(alike.groups[3], 1);
    alike_release(&alike);
}

/* ---- folds ---- */

enum { MANY = 500, CLASSES = 4, FOLDS = 5 };

/* Classes of different sizes, and groups of up to four. */
static void draw(uint32_t *classes, uint32_t *groups, size_t *num_groups)
{
    *num_groups = 0;
    for (size_t i = 0; i < MANY; i++) {
        const double lot = random_uniform(1, i);

        classes[i] = lot < 0.5 ? 0 : lot < 0.8 ? 1 : lot < 0.95 ? 2 : 3;
        if (i % 4 == 0 || random_uniform(2, i) < 0.8)
            ++*num_groups;
        groups[i] = (uint32_t)*num_groups - 1;
    }
}

static void groups_stay_together_and_classes_are_spread(void **state)
{
    uint32_t classes[MANY], groups[MANY], folds[MANY], of_group[MANY];
    size_t counts[FOLDS][CLASSES] = {{0}}, totals[CLASSES] = {0};
    struct folds_photos photos = {.classes = classes,
                                  .groups = groups,
                                  .count = MANY,
                                  .num_classes = CLASSES};
    struct error err = {0};

    (void)state;
    draw(classes, groups, &photos.num_groups);
    assert_true(folds_divide(folds, &photos, FOLDS, 11, &err));
    memset(of_group, 0xff, sizeof of_group);
    for (size_t i = 0; i < MANY; i++) {
        assert_true(folds[i] < FOLDS);
        assert_true(of_group[groups[i]] == UINT32_MAX ||
                    of_group[groups[i]] == folds[i]);
        of_group[groups[i]] = folds[i];
        counts[folds[i]][classes[i]]++;
        totals[classes[i]]++;
    }
    for (size_t fold = 0; fold < FOLDS; fold++)
        for (size_t k = 0; k < CLASSES; k++)
            assert_true(
                fabs((double)counts[fold][k] - (double)totals[k] / FOLDS) <= 2);
}

static void a_seed_decides_on_the_folds(void **state)
{
    uint32_t classes[MANY], groups[MANY], folds[3][MANY];
    struct folds_photos photos = {.classes = classes,
                                  .groups = groups,
                                  .count = MANY,
                                  .num_classes = CLASSES};
    struct error err = {0};

    (void)state;
    draw(classes, groups, &photos.num_groups);
    assert_true(folds_divide(folds[0], &photos, FOLDS, 1, &err));
    assert_true(folds_divide(folds[1], &photos, FOLDS, 1, &err));
    assert_true(folds_divide(folds[2], &photos, FOLDS, 2, &err));
    assert_memory_equal(folds[0], folds[1], sizeof folds[0]);
    assert_memory_not_equal(folds[0], folds[2], sizeof folds[0]);
}

static bool divide_once(void *user, struct error *err)
{
    static const uint32_t classes[] = {0, 1, 0, 1}, groups[] = {0, 1, 2, 3};
    static const struct folds_photos photos = {.classes = classes,
                                               .groups = groups,
                                               .count = 4,
                                               .num_classes = 2,
                                               .num_groups = 4};
    uint32_t folds[4];

    (void)user;
    return folds_divide(folds, &photos, 2, 0, err);
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    alloc_sweep(divide_once, NULL);
}

/* ---- temperatures ---- */

static void the_temperature_has_the_least_loss(void **state)
{
    enum { COUNT = 400, KINDS = 3 };
    float logits[COUNT * KINDS], weights[COUNT];
    uint32_t classes[COUNT];
    const struct temperature_photos photos = {.logits = logits,
                                              .classes = classes,
                                              .weights = weights,
                                              .count = COUNT,
                                              .num_classes = KINDS};
    double found, loss;

    (void)state;
    random_normal(logits, 5, 0, COUNT * KINDS);
    for (size_t i = 0; i < COUNT; i++) {
        classes[i] = (uint32_t)(i % KINDS);
        logits[i * KINDS + classes[i]] += 1;
        weights[i] = 1 + (float)(i % 2);
    }
    found = temperature_find(&photos);
    loss = temperature_loss(&photos, found);
    /* The true class counts as 401 / 402, which moves the minimum a little. */
    for (double factor = 0.8; factor < 1.3; factor += 0.05)
        assert_true(loss <= temperature_loss(&photos, found * factor) + 1e-5);
    for (size_t i = 0; i < COUNT * KINDS; i++)
        logits[i] *= 10;
    assert_true(fabs(temperature_find(&photos) / found - 10) < 1e-3);
}

static void logits_that_are_all_right_have_a_temperature(void **state)
{
    static const float logits[] = {1, 0, 0, 1, 2, 0};
    static const uint32_t classes[] = {0, 1, 0};
    static const float weights[] = {1, 1, 1};
    const struct temperature_photos photos = {.logits = logits,
                                              .classes = classes,
                                              .weights = weights,
                                              .count = 3,
                                              .num_classes = 2};
    const double found = temperature_find(&photos);

    (void)state;
    assert_true(found > 0.1 && found < 10);
}

static void a_softmax_adds_up_to_one(void **state)
{
    static const float logits[] = {1000, 1001, 999};
    float shares[3];

    (void)state;
    temperature_softmax(shares, logits, 3);
    assert_true(fabsf(shares[0] + shares[1] + shares[2] - 1) < 1e-6f);
    assert_true(fabsf(shares[0] / shares[1] - 0.36787944f) < 1e-6f);
}

static void shares_in_vectors_are_those_of_libm(void **state)
{
    enum { COUNT = 13, PADDED = 16 };
    float logits[PADDED] = {0}, biases[PADDED], shares[PADDED];
    double sum = 0, found;

    (void)state;
    for (size_t k = 0; k < PADDED; k++)
        biases[k] = k < COUNT ? (float)k / 7 : SOFTMAX_NONE;
    for (size_t k = 0; k < COUNT; k++)
        logits[k] = 40 + 11 * sinf((float)k * 1.7f) - (k == 5 ? 500 : 0);
    for (size_t k = 0; k < COUNT; k++)
        sum += exp((double)(logits[k] + biases[k]));
    found = softmax_find(shares, logits, biases, PADDED);
    assert_true(fabs(found - log(sum)) < 1e-5);
    for (size_t k = 0; k < COUNT; k++) {
        const double share = exp((double)(logits[k] + biases[k])) / sum;

        assert_true(fabs((double)shares[k] - share) <= 2e-6 * share + 1e-30);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ramp_has_all_bits_and_its_mirror_none),
        cmocka_unit_test(one_bright_cell_is_one_bit),
        cmocka_unit_test(a_picture_smaller_than_the_cells_has_a_hash),
        cmocka_unit_test(copies_and_only_these_are_found),
        cmocka_unit_test(those_alike_to_one_photo_are_one_group),
        cmocka_unit_test(groups_stay_together_and_classes_are_spread),
        cmocka_unit_test(a_seed_decides_on_the_folds),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
        cmocka_unit_test(the_temperature_has_the_least_loss),
        cmocka_unit_test(logits_that_are_all_right_have_a_temperature),
        cmocka_unit_test(a_softmax_adds_up_to_one),
        cmocka_unit_test(shares_in_vectors_are_those_of_libm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
