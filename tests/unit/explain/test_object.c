/* Maps refined to objects: against NumPy (tools/reference/object.py), on all
 * test networks, and what there is nothing to refine in. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/explain/object.h"
#include "tests/explained.h"

#include <cmocka.h>

#define CASES "tests/data/objects/objects.txt"
#define NETWORKS "tests/data/networks"

/* ---- against NumPy ---- */

static float *read_numbers(FILE *file, size_t count)
{
    float *numbers = calloc(count, sizeof *numbers);

    assert_non_null(numbers);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fscanf(file, "%f", &numbers[i]), 1);
    return numbers;
}

/* Single precision loses what two prototypes have in common. */
static void expect(const float *found, const float *expected, size_t count)
{
    float most = 0;

    for (size_t i = 0; i < count; i++)
        most = expected[i] > most ? expected[i] : most;
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(found[i] - expected[i]) <= 1e-4f * (most + 1)))
            fail_msg("%zu: %g, not %g", i, (double)found[i],
                     (double)expected[i]);
}

static void refine(float *refined, const struct object_grid *map,
                   const struct object_grid *features)
{
    struct object_scratch scratch = {0};
    const char *refusal = "none";
    struct error err = {0};

    if (!object_refine(refined, &refusal, &scratch, map, features, &err))
        fail_msg("%s", err.text);
    assert_null(refusal);
    object_scratch_release(&scratch);
}

static void check_grid(FILE *file)
{
    struct object_grid features, map = {.channels = 1};
    float *values, *cells, *expected, *refined;
    size_t count;

    assert_int_equal(fscanf(file, "%zu %zu %zu %zu %zu", &features.height,
                            &features.width, &features.channels, &map.height,
                            &map.width),
                     5);
    count = features.height * features.width;
    features.values = values = read_numbers(file, count * features.channels);
    map.values = cells = read_numbers(file, map.height * map.width);
    expected = read_numbers(file, count);
    refined = calloc(count, sizeof *refined);
    refine(refined, &map, &features);
    expect(refined, expected, count);
    free(values);
    free(cells);
    free(expected);
    free(refined);
}

static void check_stages(FILE *file)
{
    struct object_stages stages;
    struct object_grid *coarse = &stages.stage, *finer = &stages.finer;
    struct object_grid map = {.channels = 1};
    struct object_scratch scratch = {0};
    const char *refusal = NULL;
    float *read[4], *refined;
    struct error err = {0};
    size_t count;

    assert_int_equal(fscanf(file, "%zu %zu %zu %zu %zu %zu %zu %zu",
                            &coarse->height, &coarse->width, &coarse->channels,
                            &finer->height, &finer->width, &finer->channels,
                            &map.height, &map.width),
                     8);
    count = finer->height * finer->width;
    coarse->values = read[0] =
        read_numbers(file, coarse->height * coarse->width * coarse->channels);
    finer->values = read[1] = read_numbers(file, count * finer->channels);
    map.values = read[2] = read_numbers(file, map.height * map.width);
    read[3] = read_numbers(file, count);
    refined = calloc(count, sizeof *refined);
    assert_ptr_equal(object_finest(&stages), finer);
    if (!object_refine_stages(refined, &refusal, &scratch, &map, &stages, &err))
        fail_msg("%s", err.text);
    assert_null(refusal);
    expect(refined, read[3], count);
    object_scratch_release(&scratch);
    free(refined);
    for (int i = 0; i < 4; i++)
        free(read[i]);
}

static struct object_grid grid_of(const struct explained *explained, int value)
{
    const struct graph_shape *shape =
        &explained->network.graph.values[value].shape;

    return (struct object_grid){plan_session_data(explained->session, value),
                                shape->dim[1], shape->dim[2], shape->dim[3]};
}

/* The seed of the class that was asked about. */
static struct object_grid gradient_seed(const struct explained *explained)
{
    const struct network *network = &explained->network;
    const struct stage_block *block = &network->stage.block;
    const struct explain_map *map = &explained->maps.map[0];
    const struct object_grid expanded = grid_of(explained, block->expanded);
    const struct object_pass pass = {
        .map = map->values,
        .expanded = expanded.values,
        .deep = grid_of(explained, block->deep).values,
        .logits = explained->logits,
    };
    float *seed = calloc(map->height * map->width, sizeof *seed);
    struct object_scratch scratch = {0};
    struct error err = {0};

    assert_int_equal(expanded.height, map->height);
    assert_int_equal(expanded.width, map->width);
    if (!object_gradient_seed(seed, &scratch, network, &pass,
                              &explained->targets[0], &err))
        fail_msg("%s", err.text);
    object_scratch_release(&scratch);
    return (struct object_grid){seed, map->height, map->width, 1};
}

static void check_class(FILE *file, struct explained *explained,
                        bool is_refined)
{
    struct object_grid seed, features;
    size_t class_index, height, width;
    struct error err = {0};
    float *expected, *refined;

    assert_int_equal(fscanf(file, "%zu %zu %zu", &class_index, &height, &width),
                     3);
    expected = read_numbers(file, height * width);
    explained_target(explained, TARGET_LOGIT, class_index, 0);
    if (!explained_ask(explained, "cam", &err))
        fail_msg("%s", err.text);
    seed = gradient_seed(explained);
    if (is_refined) {
        features = grid_of(explained, explained->network.stage.value);
        assert_int_equal(features.height, height);
        assert_int_equal(features.width, width);
        refined = calloc(height * width, sizeof *refined);
        refine(refined, &seed, &features);
        expect(refined, expected, height * width);
        free(refined);
    } else {
        assert_int_equal(seed.height, height);
        assert_int_equal(seed.width, width);
        expect(seed.values, expected, height * width);
    }
    free((float *)(uintptr_t)seed.values);
    free(expected);
}

static void maps_and_seeds_are_those_of_numpy(void **state)
{
    FILE *file = fopen(CASES, "r");
    struct explained explained;
    char word[16];
    size_t count = 0;

    (void)state;
    assert_non_null(file);
    explained_open(&explained, "objects/inverted", 1);
    for (; fscanf(file, "%15s", word) == 1; count++)
        if (strcmp(word, "grid") == 0)
            check_grid(file);
        else if (strcmp(word, "stages") == 0)
            check_stages(file);
        else
            check_class(file, &explained, strcmp(word, "refined") == 0);
    assert_true(count >= 8);
    explained_release(&explained);
    fclose(file);
}

/* ---- all networks ---- */

static void refine_network(const char *name)
{
    struct explained explained;
    struct object_scratch scratch = {0};
    const char *refusal = NULL;
    struct object_grid features, map = {.channels = 1};
    const struct explain_map *made;
    struct error err = {0};
    char path[256];
    float *refined;

    snprintf(path, sizeof path, "networks/%s", name);
    explained_open(&explained, path, 1);
    explained_target(&explained, TARGET_LOGIT, 0, 0);
    if (explained.network.stage.value == GRAPH_NONE) {
        assert_non_null(explained.network.stage.refusal);
        explained_release(&explained);
        return;
    }
    if (!explained_ask(&explained, "gradcam", &err))
        fail_msg("%s: %s", name, err.text);
    made = &explained.maps.map[0];
    map.values = made->values;
    map.height = made->height;
    map.width = made->width;
    features = grid_of(&explained, explained.network.stage.value);
    refined = calloc(features.height * features.width, sizeof *refined);
    if (!object_refine(refined, &refusal, &scratch, &map, &features, &err))
        fail_msg("%s: %s", name, err.text);
    for (size_t i = 0; !refusal && i < features.height * features.width; i++)
        if (!(refined[i] >= 0) || isinf(refined[i]))
            fail_msg("%s: cell %zu is %g", name, i, (double)refined[i]);
    object_scratch_release(&scratch);
    free(refined);
    explained_release(&explained);
}

/* Their weights are random. */
static void maps_of_all_networks_are_refined_or_refused(void **state)
{
    FILE *list = fopen(NETWORKS "/networks.txt", "r");
    char line[256], name[128];
    size_t count = 0;

    (void)state;
    assert_non_null(list);
    while (fgets(line, sizeof line, list)) {
        if (strstr(line, "not yet") || sscanf(line, "%127s", name) != 1)
            continue;
        refine_network(name);
        count++;
    }
    assert_true(count > 30);
    fclose(list);
}

/* ---- nothing to refine ---- */

static const char *refusal_of(const float map[4], const float features[8])
{
    const struct object_grid seed = {map, 2, 2, 1}, grid = {features, 2, 2, 2};
    struct object_scratch scratch = {0};
    const char *refusal = NULL;
    struct error err = {0};
    float refined[4];

    assert_true(object_refine(refined, &refusal, &scratch, &seed, &grid, &err));
    object_scratch_release(&scratch);
    return refusal;
}

static void what_cannot_be_compared_is_refused(void **state)
{
    const float features[8] = {1, 0, 0, 1, 1, 1, 2, 1};
    const float same[8] = {1, 2, 2, 4, 3, 6, 1, 2}, none[8] = {0};
    const float wild[8] = {INFINITY, 0, 0, 1, 1, 1, 2, 1};
    const float map[4] = {1, 0, -1, NAN}, below[4] = {0, -1, NAN, -2};

    (void)state;
    assert_null(refusal_of(map, features));
    assert_string_equal(refusal_of(below, features),
                        "the map has no positive value");
    assert_non_null(strstr(refusal_of(map, same), "like those around"));
    assert_non_null(strstr(refusal_of(map, none), "like those around"));
    assert_string_equal(refusal_of(map, wild), "the features are not finite");
}

/* With p = 1, 0, 0, 0 the prototypes are (1, 0) and (0, 3): s is 2 (1 - 0) in
 * the first cell and 2 (0 - 1) in the others. */
static void two_kinds_of_cells_are_told_apart(void **state)
{
    const float map[4] = {5, 0, 0, 0}, features[8] = {1, 0, 0, 1, 0, 1, 0, 1};
    const struct object_grid seed = {map, 2, 2, 1}, grid = {features, 2, 2, 2};
    float refined[4];

    (void)state;
    refine(refined, &seed, &grid);
    assert_true(fabsf(refined[0] - 1.5f) < 1e-6f);
    for (int i = 1; i < 4; i++)
        assert_true(refined[i] == 0);
}

/* A finer stage that tells nothing apart does not count. */
static void one_stage_is_enough(void **state)
{
    const float map[4] = {5, 0, 0, 0}, features[8] = {1, 0, 0, 1, 0, 1, 0, 1};
    const float none[16] = {0};
    const struct object_grid seed = {map, 2, 2, 1};
    const struct object_stages stages = {{features, 2, 2, 2}, {none, 4, 4, 1}};
    struct object_scratch scratch = {0};
    const char *refusal = NULL;
    struct error err = {0};
    float refined[16];

    (void)state;
    assert_true(object_refine_stages(refined, &refusal, &scratch, &seed,
                                     &stages, &err));
    assert_null(refusal);
    assert_true(fabsf(refined[0] - 1.5f) < 1e-6f && refined[15] == 0);
    object_scratch_release(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_and_seeds_are_those_of_numpy),
        cmocka_unit_test(maps_of_all_networks_are_refined_or_refused),
        cmocka_unit_test(what_cannot_be_compared_is_refused),
        cmocka_unit_test(two_kinds_of_cells_are_told_apart),
        cmocka_unit_test(one_stage_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
