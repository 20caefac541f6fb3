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

#include "tests/methods_lines.h"

#include <cmocka.h>

/* The lines of one method. Both bounds are of what is off as a fraction of the
 * map (methods_data_distance). A gradient is in floats what it is in double
 * precision, except where rounding opens or shuts a ReLU: on the way that
 * integrated gradients take, one of 32 points may then see another network.
 *
 * Differences of targets are as exact as floats have the targets, and small
 * beside them: that bound is a fraction of the largest logit. What is off for
 * the unchanged image is off in all pixels, and counts in a map's sum as much
 * more than in a pixel as the root of their number says. */
static const struct methods_lines_bound methods[] = {
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
    {"scorecam-few", 1e-5, 1e-3, 0},
};

static size_t num_refused;

/* Where it is allowed to be, and where it is. */
static double compare(const struct explained *explained,
                      const struct methods_data *data,
                      const struct methods_lines_bound *bound)
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
    most = bound->most_of_target > 0
               ? bound->most_of_target * logit * sqrt((double)count) / size
               : bound->most;
    if (distance > most)
        fail_msg("%s, %s of %s %zu at %s: off by %.1e, not %.1e", data->file,
                 data->method, data->target, data->class_index, data->layer,
                 distance, most);
    return distance;
}

/* What a line's name says behind the method's. */
static bool without(char *name, const char *suffix)
{
    char *found = strstr(name, suffix);

    if (found)
        *found = '\0';
    return found;
}

static double check_line(struct explained *explained,
                         const struct methods_data *data,
                         const struct methods_lines_bound *bound)
{
    struct error err = {0};
    char name[32];
    bool ok;

    memcpy(name, data->method, sizeof name);
    without(name, "-colours");
    explained->task.parameters.channels =
        without(name, "-few") ? METHODS_DATA_SCORECAM_FEW : 0;
    ok = explained_ask(explained, name, &err);
    if (data->form == METHODS_DATA_REFUSED) {
        assert_false(ok);
        assert_int_equal(err.kind, ERROR_UNSUPPORTED);
        assert_memory_equal(err.text, name, strlen(name));
        assert_non_null(strstr(err.text, ": node \""));
        num_refused++;
        return -1;
    }
    if (!ok)
        fail_msg("%s, %s: %s", data->file, data->method, err.text);
    return compare(explained, data, bound);
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
    (void)state;
    methods_lines_run(methods, sizeof methods / sizeof methods[0], 35,
                      open_network, check_line);
    assert_true(METHODS_LINES_ONE_OF > 1 || num_refused >= 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_those_of_pytorch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
