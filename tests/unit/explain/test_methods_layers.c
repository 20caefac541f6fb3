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

#include "tests/methods_lines.h"

#include <cmocka.h>

/* The lines of one method. Bounds are of what is off as a fraction of the map
 * (methods_data_distance): of all lines' median, and of each line. Of some 1400
 * maps the medians are below 1e-6; the farthest is off by 5e-5, where the ReLU
 * leaves little of a map. Differences of targets are as exact as floats have
 * the targets, and may be a thousandth of them: Ablation-CAM is off by up to
 * 3e-3 where it takes passes. */
static const struct methods_lines_bound methods[] = {
    {"cam", 2e-6, 1e-4, 0},         {"gradcam", 2e-6, 2e-4, 0},
    {"hirescam", 2e-6, 1e-4, 0},    {"xgradcam", 2e-6, 1e-4, 0},
    {"gradcam++", 2e-6, 1e-4, 0},   {"layercam", 2e-6, 1e-4, 0},
    {"elementwise", 2e-6, 1e-4, 0}, {"ablationcam", 3e-6, 1e-2, 0},
    {"eigencam", 2e-6, 1e-4, 0},    {"eigengradcam", 3e-6, 1e-4, 0},
    {"reciprocam", 2e-6, 1e-4, 0},
};

static double compare(const struct explained *explained,
                      const struct methods_data *data,
                      const struct methods_lines_bound *bound)
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
    if (distance > bound->most)
        fail_msg("%s, %s of %s %zu at %s: off by %.1e", data->file,
                 data->method, data->target, data->class_index, data->layer,
                 distance);
    return distance;
}

static double check_line(struct explained *explained,
                         const struct methods_data *data,
                         const struct methods_lines_bound *bound)
{
    struct error err = {0};

    if (data->form == METHODS_DATA_REFUSED) {
        assert_non_null(
            explain_method_named(data->method)->refuse(&explained->task));
        return -1;
    }
    if (!explained_ask(explained, data->method, &err))
        fail_msg("%s, %s: %s", data->file, data->method, err.text);
    return compare(explained, data, bound);
}

static void open_network(struct explained *explained, const char *file)
{
    explained_open(explained, file, 1);
}

static void maps_are_those_of_pytorch(void **state)
{
    (void)state;
    methods_lines_run(methods, sizeof methods / sizeof methods[0], 30,
                      open_network, check_line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_those_of_pytorch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
