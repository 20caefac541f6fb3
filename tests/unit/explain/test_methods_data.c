/* What PyTorch says of the methods of explanation, and its reader: the file is
 * whole, its layers are layers here too, and the plain interpreter's gradients,
 * all in double precision, make the same maps. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/passes/gradient.h"
#include "tests/methods_data.h"
#include "tests/network_file.h"
#include "tests/reference.h"
#include "tests/slopes.h"

#include <cmocka.h>

/* Some hundred layers, all in double precision; the file has 13 digits. */
#define TOLERANCE 1e-9

/* The interpreter is slow: under the sanitizers, and on arm64, which is as a
 * rule emulated, every third network has to do. */
#if defined(__SANITIZE_ADDRESS__) || defined(__aarch64__)
enum { ONE_OF = 3 };
#else
enum { ONE_OF = 1 };
#endif

static FILE *list_of(const char *text)
{
    FILE *list = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

    assert_non_null(list);
    return list;
}

static void a_line_is_read_after_comments(void **state)
{
    const char *text = "# made by\n#\n"
                       "a/b\tfiner\tlog-score\t4\t1,0,12\t-\t1\t2\t1\twhole\t2"
                       "\t0.5 -1e-3\n"
                       "a/b\tguided\tlogit\t4\t-\tx\t0\t0\t0\trefused\t0\n";
    FILE *list = list_of(text);
    struct methods_data data;

    (void)state;
    assert_true(methods_data_read(&data, list));
    assert_string_equal(data.file, "a/b");
    assert_string_equal(data.method, "finer");
    assert_string_equal(data.target, "log-score");
    assert_int_equal(data.class_index, 4);
    assert_int_equal(data.num_against, 3);
    assert_int_equal(data.against[0], 1);
    assert_int_equal(data.against[2], 12);
    assert_int_equal(data.width, 2);
    assert_true(data.numbers[0] == 0.5 && data.numbers[1] == -1e-3);
    assert_true(methods_data_read(&data, list));
    assert_int_equal(data.form, METHODS_DATA_REFUSED);
    assert_string_equal(data.layer, "x");
    assert_int_equal(data.num_against, 0);
    assert_false(methods_data_read(&data, list));
    fclose(list);
}

static void distances_are_fractions_of_the_largest(void **state)
{
    FILE *list = list_of("a m logit 0 - - 1 2 1 whole 2 -4 1\n");
    struct methods_data data;

    (void)state;
    assert_true(methods_data_read(&data, list));
    assert_true(methods_data_distance(&data, (const double[]){-4, 1}) == 0);
    assert_true(methods_data_distance(&data, (const double[]){-4, 2}) == 0.25);
    assert_true(isinf(methods_data_distance(&data, (const double[]){NAN, 1})));
    fclose(list);
}

/* With the projections of one element that is 2: twice the first numbers of
 * the noise, of which h(1) and h(2) are written out. */
static void projections_tell_maps_apart(void **state)
{
    struct methods_data data = {.height = 1, .width = 1, .channels = 1};
    double two = 2, other = 2.001;

    (void)state;
    data.form = METHODS_DATA_PROJECTED;
    data.num_numbers = METHODS_DATA_NUM_PROJECTIONS + 3;
    for (uint64_t k = 0; k < METHODS_DATA_NUM_PROJECTIONS; k++)
        data.numbers[k] =
            2 * ((double)((k + 1) * 2654435761 % 4294967296) / 2147483648 - 1);
    assert_true(fabs(data.numbers[0] - 2 * 0.2360679777) < 1e-6);
    data.numbers[8] = data.numbers[9] = data.numbers[10] = 2;
    assert_true(methods_data_distance(&data, &two) == 0);
    assert_true(methods_data_distance(&data, &other) > 1e-4);
}

static void every_method_has_lines(void **state)
{
    static const char *const methods[] = {
        "cam",       "gradcam",    "hirescam",       "xgradcam",
        "gradcam++", "layercam",   "elementwise",    "ablationcam",
        "eigencam",  "scorecam",   "eigengradcam",   "reciprocam",
        "saliency",  "guided",     "gradient-input", "deconvnet",
        "occlusion", "smoothgrad", "guided-gradcam", "integrated-gradients",
        "rise",
    };
    enum { NUM = sizeof methods / sizeof *methods };
    size_t seen[NUM] = {0}, num_files = 0;
    FILE *list = methods_data_open();
    struct methods_data data;
    char last[96] = "";

    (void)state;
    while (methods_data_read(&data, list)) {
        for (size_t m = 0; m < NUM; m++)
            seen[m] += strcmp(methods[m], data.method) == 0 &&
                       data.form != METHODS_DATA_REFUSED;
        num_files += strcmp(last, data.file) != 0;
        strcpy(last, data.file);
    }
    fclose(list);
    for (size_t m = 0; m < NUM; m++)
        if (seen[m] < 30)
            fail_msg("%s has %zu lines", methods[m], seen[m]);
    assert_true(num_files >= 20);
}

/* ---- in the networks ---- */

static void open_network(struct graph *graph, const char *file,
                         enum network_pass last)
{
    const struct network_options options = {.keep_outputs = true, .last = last};
    struct network network = {0};
    struct error err = {0};
    char path[512];

    snprintf(path, sizeof path, "tests/data/%s.onnx", file);
    if (!network_file_read(&network, path, &options, &err))
        fail_msg("%s: %s", file, err.text);
    *graph = network.graph;
}

/* Calls `check` for the lines of every ONE_OF-th file. */
static void each_line(void (*check)(const struct methods_data *data))
{
    FILE *list = methods_data_open();
    struct methods_data data;
    size_t num_files = 0;
    char last[96] = "";

    while (methods_data_read(&data, list)) {
        num_files += strcmp(last, data.file) != 0;
        strcpy(last, data.file);
        if ((num_files - 1) % ONE_OF == 0 && data.form != METHODS_DATA_REFUSED)
            check(&data);
    }
    fclose(list);
}

static void check_layer(const struct methods_data *data)
{
    struct graph graph = {0};
    const struct graph_shape *shape;
    int value;

    if (strcmp(data->method, "hirescam") != 0 ||
        strcmp(data->target, "logit") != 0)
        return;
    open_network(&graph, data->file, NETWORK_FOLD);
    value = graph_find(&graph, data->layer);
    if (value == GRAPH_NONE)
        fail_msg("%s: there is no \"%s\"", data->file, data->layer);
    shape = &graph.values[value].shape;
    if (shape->rank == 3) { /* tokens */
        assert_int_equal(shape->dim[1], data->height * data->width);
    } else {
        assert_int_equal(shape->rank, 4);
        assert_int_equal(shape->dim[2], data->height);
        assert_int_equal(shape->dim[3], data->width);
    }
    graph_release(&graph);
}

static void layers_are_left_by_folding(void **state)
{
    (void)state;
    each_line(check_layer);
}

/* ---- by the interpreter ---- */

static double *doubles(size_t count)
{
    double *made = calloc(count + 1, sizeof *made);

    assert_non_null(made);
    return made;
}

static size_t count_of(const struct graph *graph, int value)
{
    return graph_shape_count(&graph->values[value].shape);
}

/* The logits' name and values, of the last file. */
static struct {
    char name[64];
    double values[16];
    size_t count;
} logits;

static void keep_logits(const struct methods_data *data)
{
    strcpy(logits.name, data->layer);
    logits.count = data->num_numbers;
    assert_true(logits.count <= 16);
    memcpy(logits.values, data->numbers, logits.count * sizeof(double));
}

static void fill_seed(double *seed, const struct methods_data *data)
{
    double sum = 0, largest = -INFINITY;

    memset(seed, 0, logits.count * sizeof *seed);
    seed[data->class_index] = 1;
    for (size_t i = 0; i < data->num_against; i++)
        seed[data->against[i]] -= 1 / (double)data->num_against;
    if (strcmp(data->target, "log-score") != 0)
        return;
    if (strncmp(data->file, "outputs/", 8) == 0) { /* a sigmoid */
        seed[data->class_index] =
            1 / (1 + exp(logits.values[data->class_index]));
        return;
    }
    for (size_t i = 0; i < logits.count; i++)
        largest = fmax(largest, logits.values[i]);
    for (size_t i = 0; i < logits.count; i++)
        sum += exp(logits.values[i] - largest);
    for (size_t i = 0; i < logits.count; i++)
        seed[i] -= exp(logits.values[i] - largest) / sum;
}

/* A value and the target's gradient there; both owned. */
struct slope {
    double *value, *gradient;
    struct graph_shape shape;
};

static void find_slope(struct slope *slope, const struct methods_data *data,
                       const char *name, enum gradient_rule rule)
{
    struct gradient_options options = {.num_wanted = 1, .rule = rule};
    struct graph graph = {0};
    struct reference ref = {0};
    struct error err = {0};
    double seed[16];
    size_t count, first;
    float *picture;
    int wanted;

    open_network(&graph, data->file, NETWORK_INFER);
    wanted = name ? graph_find(&graph, name) : graph.inputs[0];
    options.wanted = &wanted;
    options.source = graph_find(&graph, logits.name);
    first = graph.num_outputs;
    fill_seed(seed, data);
    count = count_of(&graph, graph.inputs[0]);
    picture = calloc(count, sizeof *picture);
    assert_non_null(picture);
    slopes_fill_picture(picture, count);
    slope->value = doubles(count);
    for (size_t i = 0; i < count; i++)
        slope->value[i] = (double)picture[i];
    if (!gradient_append(&graph, &options, &err) ||
        !reference_run_on(&ref, &graph, (const double *[]){slope->value, seed},
                          &err))
        fail_msg("%s: %s", data->file, err.text);
    slope->shape = graph.values[wanted].shape;
    count = count_of(&graph, wanted);
    slope->gradient = doubles(count);
    memcpy(slope->gradient, ref.values[graph.outputs[first]],
           count * sizeof(double));
    if (name) {
        free(slope->value);
        slope->value = doubles(count);
        memcpy(slope->value, ref.values[wanted], count * sizeof(double));
    }
    reference_release(&ref);
    graph_release(&graph);
    free(picture);
}

/* Element (k, p) of (1, channels, height, width); of three axes, of (1, cells,
 * channels). */
static double product(const struct slope *slope, size_t k, size_t p,
                      size_t num_cells)
{
    size_t i = slope->shape.rank == 3 ? p * slope->shape.dim[2] + k
                                      : k * num_cells + p;

    return slope->value[i] * slope->gradient[i];
}

static void compare(const struct methods_data *data, const double *map)
{
    double distance = methods_data_distance(data, map);

    if (!(distance <= TOLERANCE))
        fail_msg("%s: %s of the %s of %zu: off by %g", data->file, data->method,
                 data->target, data->class_index, distance);
}

static void compare_products(const struct methods_data *data, const char *layer)
{
    size_t num_cells = data->height * data->width;
    double *map = doubles(num_cells);
    struct slope slope;

    find_slope(&slope, data, layer, GRADIENT_PLAIN);
    for (size_t p = 0; p < num_cells; p++)
        for (size_t k = 0; k < slope.shape.dim[slope.shape.rank == 3 ? 2 : 1];
             k++)
            map[p] += product(&slope, k, p, num_cells);
    compare(data, map);
    free(slope.value);
    free(slope.gradient);
    free(map);
}

/* The largest colour, or all of them. */
static void compare_gradient(const struct methods_data *data,
                             enum gradient_rule rule)
{
    size_t num_pixels = data->height * data->width;
    double *map = doubles(num_pixels * data->channels);
    struct slope slope;

    find_slope(&slope, data, NULL, rule);
    for (size_t k = 0; k < 3; k++)
        for (size_t p = 0; p < num_pixels; p++) {
            double g = slope.gradient[k * num_pixels + p];

            if (data->channels == 3)
                map[3 * p + k] = g;
            else
                map[p] = fmax(map[p], fabs(g));
        }
    compare(data, map);
    free(slope.value);
    free(slope.gradient);
    free(map);
}

static bool is(const struct methods_data *data, const char *method,
               const char *target)
{
    return strcmp(data->method, method) == 0 &&
           strcmp(data->target, target) == 0;
}

/* Each kind of gradient once, and each target. The networks with one logit have
 * no other target than these two. */
static void check_map(const struct methods_data *data)
{
    if (is(data, "logits", "-"))
        keep_logits(data);
    else if (is(data, "hirescam", "log-score"))
        compare_products(data, data->layer);
    else if (is(data, "gradient-input", "margin"))
        compare_products(data, NULL);
    else if (is(data, "saliency", "finer"))
        compare_gradient(data, GRADIENT_PLAIN);
    else if (is(data, "guided-colours", "logit"))
        compare_gradient(data, GRADIENT_GUIDED);
    else if (is(data, "deconvnet", "margin"))
        compare_gradient(data, GRADIENT_DECONVNET);
}

static void the_interpreters_gradients_make_the_same_maps(void **state)
{
    (void)state;
    each_line(check_map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_read_after_comments),
        cmocka_unit_test(distances_are_fractions_of_the_largest),
        cmocka_unit_test(projections_tell_maps_apart),
        cmocka_unit_test(every_method_has_lines),
        cmocka_unit_test(layers_are_left_by_folding),
        cmocka_unit_test(the_interpreters_gradients_make_the_same_maps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
