#include "tests/methods_lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_METHODS = 16, MOST_LINES = 512 };

/* How far the lines of each method are off. */
struct distances {
    double of[MOST_METHODS][MOST_LINES];
    size_t count[MOST_METHODS];
};

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

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void check_medians(struct distances *distances,
                          const struct methods_lines_bound *bounds,
                          size_t num_bounds, size_t least)
{
    for (size_t m = 0; m < num_bounds; m++) {
        size_t count = distances->count[m];
        double *of = distances->of[m];

        assert_true(count >= least / METHODS_LINES_ONE_OF);
        qsort(of, count, sizeof *of, order);
        print_message("%-20s %3zu maps, off by %.1e, at most %.1e\n",
                      bounds[m].name, count, of[count / 2], of[count - 1]);
        assert_true(METHODS_LINES_ONE_OF > 1 ||
                    of[count / 2] < bounds[m].median);
    }
}

void methods_lines_run(const struct methods_lines_bound *bounds,
                       size_t num_bounds, size_t least,
                       void (*open)(struct explained *explained,
                                    const char *file),
                       methods_lines_check *check)
{
    struct distances *distances = calloc(1, sizeof *distances);
    FILE *list = methods_data_open();
    struct explained explained;
    struct methods_data data;
    char file[sizeof data.file] = "";
    size_t num_files = 0;

    assert_non_null(distances);
    assert_true(num_bounds <= MOST_METHODS);
    while (methods_data_read(&data, list)) {
        size_t m = 0;
        double distance;

        while (m < num_bounds && strcmp(bounds[m].name, data.method) != 0)
            m++;
        if (strcmp(file, data.file) != 0) {
            if (num_files++ > 0)
                explained_release(&explained);
            memcpy(file, data.file, sizeof file);
            open(&explained, file);
        }
        if (m == num_bounds || num_files % METHODS_LINES_ONE_OF != 0)
            continue;
        if (strcmp(data.layer, "-") != 0)
            explained_layer(&explained, data.layer);
        set_target(&explained, &data);
        distance = check(&explained, &data, &bounds[m]);
        if (distance < 0)
            continue;
        assert_true(distances->count[m] < MOST_LINES);
        distances->of[m][distances->count[m]++] = distance;
    }
    fclose(list);
    assert_true(num_files >= 20);
    explained_release(&explained);
    check_medians(distances, bounds, num_bounds, least);
    free(distances);
}
