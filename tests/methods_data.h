#ifndef TESTS_METHODS_DATA_H
#define TESTS_METHODS_DATA_H

/* Reads what PyTorch says of the methods of explanation,
 * tests/data/methods/methods.txt; its head says what the columns are. Whatever
 * fails here fails the running cmocka test.
 *
 *     FILE *list = methods_data_open();
 *     struct methods_data data;
 *
 *     while (methods_data_read(&data, list))
 *         ... methods_data_distance(&data, map) ...
 *     fclose(list); */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    METHODS_DATA_MAX_AGAINST = 3,
    METHODS_DATA_MAX_NUMBERS = 256,
    METHODS_DATA_NUM_PROJECTIONS = 8,
};

/* The parameters that the file was made with. */
enum {
    METHODS_DATA_SEED = 7,
    METHODS_DATA_SMOOTHGRAD_SAMPLES = 8,
    METHODS_DATA_RISE_MASKS = 24,
    METHODS_DATA_INTEGRATION_POINTS = 32,
    METHODS_DATA_SCORECAM_FEW = 5, /* channels, of scorecam-few */
};

enum methods_data_form {
    METHODS_DATA_WHOLE,     /* numbers are the map */
    METHODS_DATA_PROJECTED, /* projections, minimum, maximum, sum */
    METHODS_DATA_REFUSED,   /* there are none */
};

/* A line. Texts are "-" where there is none. */
struct methods_data {
    char file[96]; /* in tests/data, without .onnx */
    char method[32], target[16], layer[64];
    size_t class_index;
    size_t against[METHODS_DATA_MAX_AGAINST]; /* (num_against) */
    size_t num_against;
    size_t height, width, channels;
    enum methods_data_form form;
    double numbers[METHODS_DATA_MAX_NUMBERS]; /* (num_numbers) */
    size_t num_numbers;
};

FILE *methods_data_open(void);

/* False after the last line. */
bool methods_data_read(struct methods_data *data, FILE *list);

/* How far a map is from what PyTorch has. 0 if nothing is expected.
 *
 * whole: the largest distance of an element, as a fraction of the largest
 * element. Projected: the largest distance of a projection or of the sum, as a
 * fraction of the root of the sum of squares of its terms; and of minimum and
 * maximum, as a fraction of the larger.
 *
 * map  in  (height, width, channels) */
double methods_data_distance(const struct methods_data *data,
                             const double *map);

#endif
