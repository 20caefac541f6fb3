/* The networks that ascents run, against the variants that methods of
 * explanation run: the same values before the clamp, the same gradients. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run/plan.h"
#include "tests/explained.h"

#include <cmocka.h>

/* A ReLU6, a ReLU, a SiLU with squeeze-and-excitation, channels last. */
static const char *const networks[] = {
    "networks/mobilenet-v2-dynamo18",
    "networks/resnet18-dynamo18",
    "networks/efficientnet-b0-dynamo18",
    "outputs/features-last",
};

enum { NUM_NETWORKS = sizeof networks / sizeof networks[0] };

/* Of the largest element: kernels for another neighbourhood round otherwise. */
#define TOLERANCE 1e-4

struct way {
    const struct variant *variant;
    struct plan_session *session;
};

static struct way take(const struct explained *explained,
                       enum variant_kind kind, size_t layer)
{
    const struct variant_key key = {.kind = kind, .layer = layer};
    struct error err = {0};
    struct way way = {.variant =
                          variants_take(explained->variants, &key, NULL, &err)};

    if (!way.variant)
        fail_msg("%s", err.text);
    way.session = plan_session_new(way.variant->plan, NULL, &err);
    assert_non_null(way.session);
    memcpy(plan_session_data(way.session, way.variant->image), explained->image,
           explained->height * explained->width * explained->channels *
               sizeof(float));
    return way;
}

static void give(struct way *way, const struct explained *explained)
{
    plan_session_free(way->session);
    variants_give(explained->variants, way->variant);
}

static void run(struct way *way)
{
    struct error err = {0};

    if (!plan_session_run(way->session, &err))
        fail_msg("%s", err.text);
}

static void expect_near(const float *a, const float *b, size_t count)
{
    double most = 0, apart = 0;

    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)b[i]));
        apart = fmax(apart, fabs((double)a[i] - (double)b[i]));
    }
    assert_true(most > 0 && apart <= TOLERANCE * most);
}

/* Of class 0. */
static void check_logits(const struct explained *explained)
{
    struct way ascent = take(explained, VARIANT_ASCENT, VARIANT_LOGITS);
    struct way gradient = take(explained, VARIANT_GRADIENT, 0);
    size_t count = explained->height * explained->width * explained->channels;

    plan_session_data(ascent.session, ascent.variant->seed)[0] = 1;
    plan_session_data(gradient.session, gradient.variant->seed)[0] = 1;
    run(&ascent);
    run(&gradient);
    expect_near(plan_session_data(ascent.session, ascent.variant->gradient),
                plan_session_data(gradient.session, gradient.variant->gradient),
                count);
    assert_float_equal(
        head_logit(&explained->network.head,
                   plan_session_data(ascent.session, ascent.variant->features),
                   0),
        explained->logits[0], 1e-3f);
    give(&ascent, explained);
    give(&gradient, explained);
}

static void check_layer(const struct explained *explained, size_t layer)
{
    const struct layer *about = &explained->network.layers.list[layer];
    struct way ascent = take(explained, VARIANT_ASCENT, layer);
    struct way lower = take(explained, VARIANT_LOWER, layer);
    size_t count = about->height * about->width * about->channels;
    const struct graph_shape *shape =
        &ascent.variant->graph.values[ascent.variant->features].shape;
    const float *wanted =
        plan_session_data(lower.session, lower.variant->features);
    float *found, least = 0, most = 0;

    assert_int_equal(shape->dim[1], about->height);
    assert_int_equal(shape->dim[2], about->width);
    assert_int_equal(shape->dim[3], about->channels);
    run(&ascent);
    run(&lower);
    found = plan_session_data(ascent.session, ascent.variant->features);
    for (size_t i = 0; i < count; i++) {
        least = fminf(least, wanted[i]);
        most = fmaxf(most, wanted[i]);
    }
    /* What a clamp would have made of it. */
    for (size_t i = 0; i < count; i++)
        found[i] = fminf(fmaxf(found[i], least), most);
    expect_near(found, wanted, count);
    give(&ascent, explained);
    give(&lower, explained);
}

static void ascents_have_the_values_and_gradients_of_explanations(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUM_NETWORKS; i++) {
        struct explained explained;

        explained_open(&explained, networks[i], 1);
        check_logits(&explained);
        check_layer(&explained, explained.network.layers.chosen);
        check_layer(&explained, explained.network.layers.count / 2);
        explained_release(&explained);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ascents_have_the_values_and_gradients_of_explanations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
