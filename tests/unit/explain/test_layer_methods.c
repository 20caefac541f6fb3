/* The methods that look at a layer's features, against their definitions in
 * double precision, and their closed forms against the general ones. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/explained.h"
#include "tests/sketch.h"

#include <cmocka.h>

/* Features and gradients, as the methods get them. */
struct given {
    const float *features, *gradient;
    size_t cells, channels;
};

typedef void define_fn(double *map, const struct given *given);

static double a_of(const struct given *given, size_t p, size_t k)
{
    return (double)given->features[p * given->channels + k];
}

static double g_of(const struct given *given, size_t p, size_t k)
{
    return (double)given->gradient[p * given->channels + k];
}

/* ---- the definitions ---- */

/* Adds weight A_k. */
static void add(double *map, const struct given *given, size_t k, double weight)
{
    for (size_t p = 0; p < given->cells; p++)
        map[p] += weight * a_of(given, p, k);
}

static void rectify(double *map, const struct given *given)
{
    for (size_t p = 0; p < given->cells; p++)
        map[p] = fmax(map[p], 0);
}

static void define_gradcam(double *map, const struct given *given)
{
    for (size_t k = 0; k < given->channels; k++) {
        double sum = 0;

        for (size_t p = 0; p < given->cells; p++)
            sum += g_of(given, p, k);
        add(map, given, k, sum / (double)given->cells);
    }
    rectify(map, given);
}

static void define_hirescam(double *map, const struct given *given)
{
    for (size_t p = 0; p < given->cells; p++)
        for (size_t k = 0; k < given->channels; k++)
            map[p] += g_of(given, p, k) * a_of(given, p, k);
}

static void define_xgradcam(double *map, const struct given *given)
{
    for (size_t k = 0; k < given->channels; k++) {
        double sum = 0, product = 0;

        for (size_t p = 0; p < given->cells; p++) {
            sum += a_of(given, p, k);
            product += g_of(given, p, k) * a_of(given, p, k);
        }
        if (sum != 0)
            add(map, given, k, product / sum);
    }
}

static void define_gradcam_plus_plus(double *map, const struct given *given)
{
    for (size_t k = 0; k < given->channels; k++) {
        double sum = 0, weight = 0;

        for (size_t p = 0; p < given->cells; p++)
            sum += a_of(given, p, k);
        for (size_t p = 0; p < given->cells; p++)
            if (g_of(given, p, k) > 0)
                weight +=
                    g_of(given, p, k) / (2 + fmax(sum, 0) * g_of(given, p, k));
        add(map, given, k, weight);
    }
    rectify(map, given);
}

static void define_layercam(double *map, const struct given *given)
{
    for (size_t p = 0; p < given->cells; p++)
        for (size_t k = 0; k < given->channels; k++)
            map[p] += fmax(g_of(given, p, k), 0) * a_of(given, p, k);
    rectify(map, given);
}

static void define_elementwise(double *map, const struct given *given)
{
    for (size_t p = 0; p < given->cells; p++)
        for (size_t k = 0; k < given->channels; k++)
            map[p] += fmax(g_of(given, p, k) * a_of(given, p, k), 0);
}

static const struct {
    const char *name;
    define_fn *define;
} defined[] = {
    {"gradcam", define_gradcam},   {"hirescam", define_hirescam},
    {"xgradcam", define_xgradcam}, {"gradcam++", define_gradcam_plus_plus},
    {"layercam", define_layercam}, {"elementwise", define_elementwise},
};

enum { NUM_DEFINED = sizeof defined / sizeof defined[0] };

/* ---- the methods ---- */

static const char *const NETWORKS[] = {
    "outputs/sigmoid-identity",
    "networks/resnet18-dynamo18",
    "networks/densenet121-dynamo18",
    "networks/efficientnet-lite0-dynamo18",
    "networks/efficientnet-b0-dynamo18", /* SiLU: features of both signs */
    "networks/nin-dynamo18",
    "networks/squeezenet-dynamo18",
};

enum { NUM_NETWORKS = sizeof NETWORKS / sizeof NETWORKS[0] };

static const enum target_kind KINDS[] = {TARGET_LOGIT, TARGET_LOG_SCORE,
                                         TARGET_MARGIN, TARGET_FINER};

static void ask(struct explained *explained, const char *method)
{
    struct error err = {0};

    if (!explained_ask(explained, method, &err))
        fail_msg("%s: %s", method, err.text);
}

static void show_noise(struct explained *explained,
                       struct sketch_random *random)
{
    size_t count = explained->height * explained->width * explained->channels;
    float *image = calloc(count, sizeof *image);

    assert_non_null(image);
    sketch_fill(random, image, count, -1.5f, 1.5f);
    explained_image(explained, image);
    free(image);
}

static float *copy_of(const float *values, size_t count)
{
    float *copy = malloc(count * sizeof *copy);

    assert_non_null(copy);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

/* What the probe gives to a method at the layer; both owned. */
static void take(struct given *given, struct explained *explained)
{
    float *seed = calloc(explained->network.head.num_logits, sizeof *seed);
    struct probe_features features;
    const float *gradient;
    struct error err = {0};

    assert_non_null(seed);
    target_seed(seed, &explained->targets[0], explained->logits);
    if (!probe_features(explained->probe, &features, &err) ||
        !probe_layer_gradient(explained->probe, seed, &gradient, &err))
        fail_msg("%s", err.text);
    given->cells = features.height * features.width;
    given->channels = features.channels;
    given->features = copy_of(features.values, given->cells * given->channels);
    given->gradient = copy_of(gradient, given->cells * given->channels);
    free(seed);
}

/* Sums of thousands of terms, in floats. The terms' sizes are those of the
 * elements before a ReLU leaves little of the sum, so that is what the map is
 * held to. */
static double size_of(const struct given *given, size_t p, size_t method)
{
    struct given sizes = *given;
    float *a = copy_of(given->features, given->cells * given->channels);
    float *g = copy_of(given->gradient, given->cells * given->channels);
    double *map = calloc(given->cells, sizeof *map), size;

    for (size_t i = 0; i < given->cells * given->channels; i++) {
        a[i] = fabsf(a[i]);
        g[i] = fabsf(g[i]);
    }
    sizes.features = a;
    sizes.gradient = g;
    defined[method].define(map, &sizes);
    size = map[p];
    free(a);
    free(g);
    free(map);
    return size;
}

static void check_definitions(struct explained *explained)
{
    struct given given;

    ask(explained, "hirescam");
    take(&given, explained);
    for (size_t m = 0; m < NUM_DEFINED; m++) {
        double *map = calloc(given.cells, sizeof *map), largest = 0;

        assert_non_null(map);
        defined[m].define(map, &given);
        ask(explained, defined[m].name);
        for (size_t p = 0; p < given.cells; p++)
            largest = fmax(largest, fabs(map[p]));
        for (size_t p = 0; p < given.cells; p++) {
            double off =
                fabs((double)explained->maps.map[0].values[p] - map[p]);

            if (off > 1e-6 * largest &&
                off > 4e-6 * fmax(largest, size_of(&given, p, m)))
                fail_msg("%s at %s: off by %g of %g", defined[m].name,
                         explained->task.layer->name, off, largest);
        }
        free(map);
    }
    free((void *)(uintptr_t)given.features);
    free((void *)(uintptr_t)given.gradient);
}

static void maps_are_what_their_definitions_say(void **state)
{
    struct sketch_random random = {3};
    struct explained explained;

    (void)state;
    for (size_t n = 0; n < NUM_NETWORKS; n++) {
        const struct layers *layers = &explained.network.layers;

        explained_open(&explained, NETWORKS[n], 1);
        for (size_t i = 0; i < layers->count; i += 1 + layers->count / 6) {
            size_t layer = layers->count - 1 - i;

            show_noise(&explained, &random);
            explained_layer(&explained, layers->list[layer].name);
            for (size_t k = 0; k < 2; k++) {
                explained_target(
                    &explained, KINDS[k],
                    sketch_below(&random, explained.network.head.num_classes),
                    0);
                check_definitions(&explained);
            }
        }
        explained_release(&explained);
    }
}

/* ---- closed forms ---- */

static void find_target(struct explained *explained, enum target_kind kind,
                        struct sketch_random *random)
{
    size_t c = sketch_below(random, explained->network.head.num_classes);

    explained_target(explained, kind, c, c == 0);
}

static void check_near(const char *what, const float *map, const float *other,
                       size_t count, double tolerance)
{
    double largest = 1e-12;

    for (size_t p = 0; p < count; p++)
        largest = fmax(largest, fabs((double)other[p]));
    for (size_t p = 0; p < count; p++)
        if (fabs((double)map[p] - (double)other[p]) > tolerance * largest)
            fail_msg("%s: %g is not %g of %g", what, (double)map[p],
                     (double)other[p], largest);
}

/* At the last layer, with the passes that another layer would take. Where
 * Ablation-CAM takes passes, its weights are small differences of floats. */
static void closed_forms_are_what_passes_compute(void **state)
{
    static const char *const methods[] = {
        "gradcam",     "hirescam",    "xgradcam", "gradcam++",    "layercam",
        "elementwise", "ablationcam", "eigencam", "eigengradcam", "reciprocam",
    };
    struct sketch_random random = {5};
    struct explained explained;

    (void)state;
    for (size_t n = 0; n < NUM_NETWORKS; n++) {
        explained_open(&explained, NETWORKS[n], 1);
        assert_true(explained.task.is_closed);
        for (size_t i = 0; i < 4 * sizeof methods / sizeof methods[0]; i++) {
            const char *method = methods[i / 4];
            int value = explained.task.value;
            size_t count;
            float *closed;

            show_noise(&explained, &random);
            find_target(&explained, KINDS[i % 4], &random);
            ask(&explained, method);
            assert_int_equal(explained.num_passes, 0);
            count = explained.maps.map[0].width * explained.maps.map[0].height;
            closed = copy_of(explained.maps.map[0].values, count);
            explained.task.value = GRAPH_NONE;
            explained.task.is_closed = false;
            ask(&explained, method);
            assert_true(explained.num_passes >= 1);
            check_near(method, closed, explained.maps.map[0].values, count,
                       strcmp(method, "ablationcam") == 0 ? 5e-3 : 2e-5);
            explained.task.value = value;
            explained.task.is_closed = true;
            free(closed);
        }
        explained_release(&explained);
    }
}

static void maps_are_class_activation_maps_by_the_number_of_cells(void **state)
{
    struct sketch_random random = {9};
    struct explained explained;

    (void)state;
    for (size_t i = 0; i < 4 * NUM_NETWORKS; i++) {
        size_t count;
        float *cam;

        explained_open(&explained, NETWORKS[i / 4], 1);
        show_noise(&explained, &random);
        find_target(&explained, KINDS[i % 4], &random);
        ask(&explained, "cam");
        count = explained.maps.map[0].width * explained.maps.map[0].height;
        cam = copy_of(explained.maps.map[0].values, count);
        for (size_t p = 0; p < count; p++)
            cam[p] /= (float)count;
        ask(&explained, "hirescam");
        check_near("hirescam", explained.maps.map[0].values, cam, count, 1e-5);
        ask(&explained, "xgradcam");
        check_near("xgradcam", explained.maps.map[0].values, cam, count, 1e-5);
        for (size_t p = 0; p < count; p++)
            cam[p] = fmaxf(cam[p], 0);
        ask(&explained, "gradcam");
        check_near("gradcam", explained.maps.map[0].values, cam, count, 1e-5);
        free(cam);
        explained_release(&explained);
    }
}

/* A single cell has its share of the map and the whole bias: without the bias,
 * cells add up to the target. */
static void checks_hold(void **state)
{
    static const struct {
        const char *method;
        size_t num_checks;
    } all[] = {
        {"cam", 1},         {"gradcam", 1},  {"hirescam", 2},   {"xgradcam", 2},
        {"ablationcam", 1}, {"eigencam", 1}, {"reciprocam", 1},
    };
    struct sketch_random random = {13};
    struct explained explained;

    (void)state;
    for (size_t n = 0; n < NUM_NETWORKS; n++) {
        explained_open(&explained, NETWORKS[n], 1);
        for (size_t i = 0; i < 4 * sizeof all / sizeof all[0]; i++) {
            const struct explain_map *map = &explained.maps.map[0];
            bool is_passed =
                KINDS[i % 4] == TARGET_LOG_SCORE && i / 4 > 3 && i / 4 != 5;

            show_noise(&explained, &random);
            find_target(&explained, KINDS[i % 4], &random);
            ask(&explained, all[i / 4].method);
            assert_int_equal(map->num_checks,
                             is_passed ? 0 : all[i / 4].num_checks);
            for (size_t c = 0; c < map->num_checks; c++) {
                double size = fmax(1, fabs(map->checks[c].expected));

                if (fabs(map->checks[c].expected - map->checks[c].found) >
                    2e-5 * size)
                    fail_msg("%s, %s: %g, %g", all[i / 4].method,
                             map->checks[c].name, map->checks[c].expected,
                             map->checks[c].found);
            }
        }
        explained_release(&explained);
    }
}

/* Several maps of one answer are those of answers of their own. */
static void maps_of_several_classes_do_not_mix(void **state)
{
    static const char *const methods[] = {"cam", "hirescam", "ablationcam",
                                          "eigencam", "reciprocam"};
    struct explained explained;

    (void)state;
    explained_open(&explained, "networks/resnet18-dynamo18", 1);
    for (size_t m = 0; m < 2 * sizeof methods / sizeof methods[0]; m++) {
        size_t count;
        float *second;

        explained_target(&explained, KINDS[m % 2], 0, 0);
        explained_add_target(&explained, KINDS[m % 2], 1, 0);
        ask(&explained, methods[m / 2]);
        count = explained.maps.map[0].width * explained.maps.map[0].height;
        second = copy_of(explained.maps.map[1].values, count);
        explained_target(&explained, KINDS[m % 2], 1, 0);
        ask(&explained, methods[m / 2]);
        assert_memory_equal(second, explained.maps.map[0].values,
                            count * sizeof *second);
        free(second);
    }
    explained_release(&explained);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_what_their_definitions_say),
        cmocka_unit_test(closed_forms_are_what_passes_compute),
        cmocka_unit_test(maps_are_class_activation_maps_by_the_number_of_cells),
        cmocka_unit_test(checks_hold),
        cmocka_unit_test(maps_of_several_classes_do_not_mix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
