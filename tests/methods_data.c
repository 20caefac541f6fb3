#include "tests/methods_data.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIST "tests/data/methods/methods.txt"

static const char *const forms[] = {
    [METHODS_DATA_WHOLE] = "whole",
    [METHODS_DATA_PROJECTED] = "projected",
    [METHODS_DATA_REFUSED] = "refused",
};

FILE *methods_data_open(void)
{
    FILE *list = fopen(LIST, "r");

    assert_non_null(list);
    return list;
}

static void skip_comments(FILE *list)
{
    int c;

    while ((c = fgetc(list)) == '#')
        while (c != '\n' && c != EOF)
            c = fgetc(list);
    ungetc(c, list);
}

/* Classes with commas, or "-". */
static void read_against(struct methods_data *data, const char *text)
{
    char *end = NULL;

    data->num_against = 0;
    if (strcmp(text, "-") == 0)
        return;
    for (const char *at = text; data->num_against == 0 || *end == ',';
         at = end + 1) {
        assert_true(data->num_against < METHODS_DATA_MAX_AGAINST);
        data->against[data->num_against++] = strtoul(at, &end, 10);
        assert_true(end > at);
    }
    assert_int_equal(*end, '\0');
}

static void read_form(struct methods_data *data, const char *text)
{
    int form = METHODS_DATA_WHOLE;

    while (strcmp(text, forms[form]) != 0)
        if (++form > METHODS_DATA_REFUSED)
            fail_msg("%s: there is no form \"%s\"", data->file, text);
    data->form = (enum methods_data_form)form;
}

bool methods_data_read(struct methods_data *data, FILE *list)
{
    char against[32], form[16];
    int got;

    skip_comments(list);
    got = fscanf(list, "%95s %31s %15s %zu %31s %63s %zu %zu %zu %15s %zu",
                 data->file, data->method, data->target, &data->class_index,
                 against, data->layer, &data->height, &data->width,
                 &data->channels, form, &data->num_numbers);
    if (got == EOF)
        return false;
    assert_int_equal(got, 11);
    read_against(data, against);
    read_form(data, form);
    assert_true(data->num_numbers <= METHODS_DATA_MAX_NUMBERS);
    for (size_t i = 0; i < data->num_numbers; i++)
        assert_int_equal(fscanf(list, "%lf", &data->numbers[i]), 1);
    assert_int_equal(fgetc(list), '\n');
    return true;
}

static double noise(size_t i)
{
    return (double)(i * 2654435761 % ((uint64_t)1 << 32)) / 2147483648.0 - 1;
}

static size_t num_elements(const struct methods_data *data)
{
    return data->height * data->width * data->channels;
}

/* NaN is far from everything. */
static double larger(double a, double b)
{
    return b <= a ? a : isnan(b) ? INFINITY : b;
}

/* Of column k < NUM_PROJECTIONS, or of the plain sum. */
static double sum_distance(const struct methods_data *data, const double *map,
                           size_t k)
{
    const size_t num = METHODS_DATA_NUM_PROJECTIONS;
    double wanted = data->numbers[k < num ? k : num + 2];
    double got = 0, squares = 0;

    for (size_t i = 0; i < num_elements(data); i++) {
        double part = map[i] * (k < num ? noise(num * i + k + 1) : 1);

        got += part;
        squares += part * part;
    }
    return fabs(got - wanted) / fmax(sqrt(squares), 1e-12);
}

double methods_data_distance(const struct methods_data *data, const double *map)
{
    double largest = 1e-12, most = 0, min = INFINITY, max = -INFINITY;
    const double *ends = data->numbers + METHODS_DATA_NUM_PROJECTIONS;

    if (data->form == METHODS_DATA_WHOLE) {
        assert_int_equal(data->num_numbers, num_elements(data));
        for (size_t i = 0; i < data->num_numbers; i++) {
            largest = fmax(largest, fabs(data->numbers[i]));
            most = larger(most, fabs(data->numbers[i] - map[i]));
        }
        return most / largest;
    }
    if (data->form == METHODS_DATA_REFUSED)
        return 0;
    assert_int_equal(data->num_numbers, METHODS_DATA_NUM_PROJECTIONS + 3);
    for (size_t k = 0; k <= METHODS_DATA_NUM_PROJECTIONS; k++)
        most = larger(most, sum_distance(data, map, k));
    for (size_t i = 0; i < num_elements(data); i++) {
        min = fmin(min, map[i]);
        max = fmax(max, map[i]);
    }
    largest = fmax(largest, fmax(fabs(ends[0]), fabs(ends[1])));
    most = larger(most, fabs(min - ends[0]) / largest);
    return larger(most, fabs(max - ends[1]) / largest);
}
