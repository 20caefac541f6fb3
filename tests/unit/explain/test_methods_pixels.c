/* The methods that look at pixels, against PyTorch in double precision, on
 * every network of tests/data/methods (tools/reference/methods.py says how its
 * numbers were made). */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/explained.h"
#include "tests/methods_data.h"

#include <cmocka.h>

/* Slow: under the sanitizers, and on arm64, which is as a rule emulated, every
 * third network has to do. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    defined(__aarch64__)
enum { ONE_OF = 3 };
#else
enum { ONE_OF = 1 };
#endif

/* The lines of one method. Both bounds are of what is off as a fraction of the
 * map (methods_data_distance). A gradient is in floats what it is in double
 * precision, except where rounding opens or shuts a ReLU: on the way that
 * integrated gradients take, one of 32 points may then see another network.
 *
 * Differences of targets are as exact as floats have the targets, and small
 * beside them: that bound is a fraction of the largest logit. What is off for
 * the unchanged image is off in all pixels, and counts in a map's sum as much
 * more than in a pixel as the root of their number says. */
static const struct {
    const char *name;
    double median, most, most_of_target;
} methods[] = {
    {"saliency", 2e-5, 1e-3, 0},
    {"gradient-input", 1e-5, 1e-3, 0},
    {"guided", 1e-5, 1e-3, 0},
    {"guided-colours", 1e-5, 1e-3, 0},
    {"deconvnet", 2e-5, 1e-3, 0},
    {"deconvnet-colours", 2e-5, 1e-3, 0},
    {"guided-gradcam", 2e-5, 2e-3, 0},
    {"smoothgrad", 1e-5, 1e-3, 0},
    {"integrated-gradients", 1e-5, 3e-2, 0},
    {"occlusion", 2e-3, 0, 1e-5},
    {"rise", 2e-4, 0, 2e-7},
    {"scorecam", 1e-5, 1e-3, 0},
};

enum { NUM_METHODS = sizeof methods / sizeof methods[0], MOST_LINES = 512 };

/* How far the lines of each method are off. */
struct distances {
    double of[NUM_METHODS][MOST_LINES];
    size_t count[NUM_METHODS];
    size_t num_refused;
};

static size_t method_of(const struct methods_data *data)
{
    size_t m = 0;

    while (m < NUM_METHODS && strcmp(methods[m].name, data->method) != 0)
        m++;
    return m;
}

static void set_target(struct explained *explained,
                       const struct methods_data *data)
{
    static const char *const kinds[] = {
#define X(kind, name) [kind] = name,
        TARGET_KINDS(X)
#undef X
    };
    size_t kind = 0;

    while (strcmp(kinds[kind], data->target) != 0)
        assert_true(++kind < sizeof kinds / sizeof kinds[0]);
    explained_target(explained, (enum target_kind)kind, data->class_index,
                     data->against[0]);
    assert_int_equal(explained->targets[0].num_against, data->num_against);
    for (size_t i = 0; i < data->num_against; i++)
        assert_int_equal(explained->targets[0].against[i], data->against[i]);
}

/* Where it is allowed to be, and where it is. */
static double compare(const struct explained *explained,
                      const struct methods_data *data, size_t m)
{
    const struct explain_map *map = &explained->maps.map[0];
    size_t count = data->height * data->width * data->channels;
    const float *values = data->channels > 1 ? map->colours : map->values;
    double *copy = calloc(count, sizeof *copy);
    double size = 0, logit = 1, distance, most;

    assert_non_null(copy);
    assert_int_equal(map->height, data->height);
    assert_int_equal(map->width, data->width);
    for (size_t i = 0; i < count; i++) {
        copy[i] = (double)values[i];
        size = fmax(size, fabs(copy[i]));
    }
    for (size_t k = 0; k < explained->network.head.num_classes; k++)
        logit = fmax(logit, fabs((double)explained->logits[k]));
    distance = methods_data_distance(data, copy);
    free(copy);
    most = methods[m].most_of_target > 0
               ? methods[m].most_of_target * logit * sqrt((double)count) / size
               : methods[m].most;
    if (distance > most)
        fail_msg("%s, %s of %s %zu at %s: off by %.1e, not %.1e", data->file,
                 data->method, data->target, data->class_index, data->layer,
                 distance, most);
    return distance;
}

/* A method's name begins those of its lines. */
static void check_line(struct distances *distances, struct explained *explained,
                       const struct methods_data *data, size_t m)
{
    struct error err = {0};
    char name[32];
    bool ok;

    memcpy(name, data->method, sizeof name);
    if (strstr(name, "-colours"))
        *strstr(name, "-colours") = '\0';
    if (strcmp(data->layer, "-") != 0)
        explained_layer(explained, data->layer);
    set_target(explained, data);
    ok = explained_ask(explained, name, &err);
    if (data->form == METHODS_DATA_REFUSED) {
        assert_false(ok);
        assert_int_equal(err.kind, ERROR_UNSUPPORTED);
        assert_memory_equal(err.text, name, strlen(name));
        assert_non_null(strstr(err.text, ": node \""));
        distances->num_refused++;
        return;
    }
    if (!ok)
        fail_msg("%s, %s: %s", data->file, data->method, err.text);
    assert_true(distances->count[m] < MOST_LINES);
    distances->of[m][distances->count[m]++] = compare(explained, data, m);
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Only of all networks: fewer may be the worst ones. */
static void check_medians(struct distances *distances)
{
    for (size_t m = 0; m < NUM_METHODS; m++) {
        size_t count = distances->count[m];
        double *of = distances->of[m];

        assert_true(count >= 40 / ONE_OF);
        qsort(of, count, sizeof *of, order);
        print_message("%-20s %3zu maps, off by %.1e, at most %.1e\n",
                      methods[m].name, count, of[count / 2], of[count - 1]);
        assert_true(ONE_OF > 1 || of[count / 2] < methods[m].median);
    }
    assert_true(ONE_OF > 1 || distances->num_refused >= 9);
}

static void open_network(struct explained *explained, const char *file)
{
    explained_open(explained, file, 1);
    explained->task.parameters.seed = METHODS_DATA_SEED;
    explained->task.parameters.samples = METHODS_DATA_SMOOTHGRAD_SAMPLES;
    explained->task.parameters.masks = METHODS_DATA_RISE_MASKS;
    explained->task.parameters.steps = METHODS_DATA_INTEGRATION_POINTS;
}

static void maps_are_those_of_pytorch(void **state)
{
    struct distances *distances = calloc(1, sizeof *distances);
    FILE *list = methods_data_open();
    struct explained explained;
    struct methods_data data;
    char file[sizeof data.file] = "";
    size_t num_files = 0;

    (void)state;
    assert_non_null(distances);
    while (methods_data_read(&data, list)) {
        size_t m = method_of(&data);

        if (strcmp(file, data.file) != 0) {
            if (num_files++ > 0)
                explained_release(&explained);
            memcpy(file, data.file, sizeof file);
            open_network(&explained, file);
        }
        if (m < NUM_METHODS && num_files % ONE_OF == 0)
            check_line(distances, &explained, &data, m);
    }
    fclose(list);
    assert_true(num_files >= 20);
    explained_release(&explained);
    check_medians(distances);
    free(distances);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_those_of_pytorch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
