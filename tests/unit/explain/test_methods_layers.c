/* The methods that look at a layer's features, against PyTorch in double
 * precision, on every network of tests/data/methods (tools/reference/methods.py
 * says how its numbers were made). */

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

/* The lines of one method. Bounds are of what is off as a fraction of the map
 * (methods_data_distance): of all lines' median, and of each line. Of some 1400
 * maps the medians are below 1e-6; the farthest is off by 5e-5, where the ReLU
 * leaves little of a map. Differences of targets are as exact as floats have
 * the targets, and may be a thousandth of them: Ablation-CAM is off by up to
 * 3e-3 where it takes passes. */
static const struct {
    const char *name;
    double median, most;
} methods[] = {
    {"cam", 2e-6, 1e-4},         {"gradcam", 2e-6, 2e-4},
    {"hirescam", 2e-6, 1e-4},    {"xgradcam", 2e-6, 1e-4},
    {"gradcam++", 2e-6, 1e-4},   {"layercam", 2e-6, 1e-4},
    {"elementwise", 2e-6, 1e-4}, {"ablationcam", 3e-6, 1e-2},
    {"eigencam", 2e-6, 1e-4},    {"eigengradcam", 3e-6, 1e-4},
    {"reciprocam", 2e-6, 1e-4},
};

enum { NUM_METHODS = sizeof methods / sizeof methods[0], MOST_LINES = 512 };

/* How far the lines of each method are off. */
struct distances {
    double of[NUM_METHODS][MOST_LINES];
    size_t count[NUM_METHODS];
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
}

static double compare(const struct explained *explained,
                      const struct methods_data *data, size_t m)
{
    const struct explain_map *map = &explained->maps.map[0];
    size_t count = data->height * data->width;
    double *copy = calloc(count, sizeof *copy), distance;

    assert_non_null(copy);
    assert_int_equal(map->height, data->height);
    assert_int_equal(map->width, data->width);
    for (size_t i = 0; i < count; i++)
        copy[i] = (double)map->values[i];
    distance = methods_data_distance(data, copy);
    free(copy);
    if (distance > methods[m].most)
        fail_msg("%s, %s of %s %zu at %s: off by %.1e", data->file,
                 data->method, data->target, data->class_index, data->layer,
                 distance);
    return distance;
}

static void check_line(struct distances *distances, struct explained *explained,
                       const struct methods_data *data, size_t m)
{
    struct error err = {0};

    explained_layer(explained, data->layer);
    set_target(explained, data);
    if (data->form == METHODS_DATA_REFUSED) {
        assert_non_null(
            explain_method_named(data->method)->refuse(&explained->task));
        return;
    }
    if (!explained_ask(explained, data->method, &err))
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

        assert_true(count >= 30 / ONE_OF);
        qsort(of, count, sizeof *of, order);
        print_message("%-20s %3zu maps, off by %.1e, at most %.1e\n",
                      methods[m].name, count, of[count / 2], of[count - 1]);
        assert_true(ONE_OF > 1 || of[count / 2] < methods[m].median);
    }
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
            explained_open(&explained, file, 1);
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
