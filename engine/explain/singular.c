/* The products of all rows, or of all columns if they are fewer, make a small
 * square matrix, whose first eigenvector is found by power iteration. If its
 * first eigenvalues are so near to each other that this takes long, the matrix
 * is squared, which makes every iteration as good as two. */
#include "engine/explain/singular.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/explain/lanes.h"

enum { MAX_STEPS = 64, MAX_SQUARINGS = 16 };

/* The squared distance of one vector from the next that ends the iteration:
 * well below what floats resolve. */
static const double NEAR = 1e-20;

/* (side, side) matrices and (side) vectors. */
struct iteration {
    size_t side;
    float *products;       /* of the rows, by their trace */
    float *power, *square; /* a power of these, and scratch */
    double *vector, *next;
};

static float largest_of(const float *values, size_t count)
{
    float largest = 0;

    for (size_t i = 0; i < count; i++) {
        float size = fabsf(values[i]);

        largest = size > largest ? size : largest;
    }
    return largest;
}

/* Copies the matrix, each number times `factor`; with rows and columns swapped
 * if there are fewer columns. */
static void copy_matrix(float *restrict copy, const float *restrict matrix,
                        size_t num_rows, size_t num_columns, float factor)
{
    if (num_rows <= num_columns) {
        for (size_t i = 0; i < num_rows * num_columns; i++)
            copy[i] = factor * matrix[i];
        return;
    }
    for (size_t r = 0; r < num_rows; r++)
        for (size_t c = 0; c < num_columns; c++)
            copy[c * num_rows + r] = factor * matrix[r * num_columns + c];
}

/* Computes all products of two rows, and divides them by their trace, which it
 * returns. */
static double multiply_rows(float *restrict products,
                            const float *restrict rows, size_t side,
                            size_t length)
{
    double trace = 0;

    for (size_t i = 0; i < side; i++) {
        for (size_t j = 0; j <= i; j++)
            products[i * side + j] = lanes_sum(
                rows + i * length, rows + j * length, length, lanes_product);
        trace += (double)products[i * side + i];
    }
    for (size_t i = 0; trace > 0 && i < side; i++)
        for (size_t j = 0; j <= i; j++)
            products[j * side + i] = products[i * side + j] =
                (float)((double)products[i * side + j] / trace);
    return trace;
}

/* next = matrix vector; returns its squared length. */
static double multiply(double *restrict next, const float *restrict matrix,
                       const double *restrict vector, size_t side)
{
    double length = 0;

    memset(next, 0, side * sizeof *next);
    for (size_t j = 0; j < side; j++)
        for (size_t i = 0; i < side; i++)
            next[i] += vector[j] * (double)matrix[j * side + i];
    for (size_t i = 0; i < side; i++)
        length += next[i] * next[i];
    return length;
}

/* A step of the power iteration; returns how far the vector moved, squared. */
static double step(struct iteration *it)
{
    double length = sqrt(multiply(it->next, it->power, it->vector, it->side));
    double moved = 0;

    for (size_t i = 0; i < it->side; i++) {
        double next = it->next[i] / length;

        moved += (next - it->vector[i]) * (next - it->vector[i]);
        it->vector[i] = next;
    }
    return moved;
}

/* Begins with a vector that no matrix is likely to be orthogonal to. */
static void iterate(struct iteration *it)
{
    for (size_t i = 0; i < it->side; i++)
        it->vector[i] = 1 + fmod((double)i * 0.6180339887498949, 1);
    memcpy(it->power, it->products, it->side * it->side * sizeof *it->power);
    for (size_t round = 0;; round++) {
        float *swap = it->power;

        for (size_t i = 0; i < MAX_STEPS; i++)
            if (!(step(it) > NEAR))
                return;
        if (round == MAX_SQUARINGS)
            return;
        multiply_rows(it->square, it->power, it->side, it->side);
        it->power = it->square;
        it->square = swap;
    }
}

/* Makes the right vector of the iteration's, which is the left one if rows are
 * fewer. */
static void find_right(float *restrict right, const struct iteration *it,
                       const float *restrict matrix, size_t num_rows,
                       size_t num_columns, float factor)
{
    double length = 0;

    memset(right, 0, num_columns * sizeof *right);
    if (num_rows <= num_columns) {
        for (size_t r = 0; r < num_rows; r++) {
            float left = (float)it->vector[r] * factor;

            for (size_t c = 0; c < num_columns; c++)
                right[c] += left * matrix[r * num_columns + c];
        }
    } else {
        for (size_t c = 0; c < num_columns; c++)
            right[c] = (float)it->vector[c];
    }
    for (size_t c = 0; c < num_columns; c++)
        length += (double)right[c] * (double)right[c];
    for (size_t c = 0; c < num_columns; c++)
        right[c] = (float)((double)right[c] / sqrt(length));
}

/* The sum over rows of the map times the row's sum. `ones` is scratch. */
static double inner_product(const float *map, const float *matrix, float *ones,
                            size_t num_rows, size_t num_columns)
{
    double inner = 0;

    for (size_t c = 0; c < num_columns; c++)
        ones[c] = 1;
    for (size_t r = 0; r < num_rows; r++)
        inner +=
            (double)map[r] * (double)lanes_sum(matrix + r * num_columns, ones,
                                               num_columns, lanes_product);
    return inner;
}

/* Makes the map; `right` is scratch for a row. */
static void make_map(float *restrict map, const struct iteration *it,
                     const float *restrict matrix, float *restrict right,
                     size_t num_rows, size_t num_columns, float factor)
{
    find_right(right, it, matrix, num_rows, num_columns, factor);
    for (size_t r = 0; r < num_rows; r++)
        map[r] = lanes_sum(matrix + r * num_columns, right, num_columns,
                           lanes_product);
    if (inner_product(map, matrix, right, num_rows, num_columns) < 0)
        for (size_t r = 0; r < num_rows; r++)
            map[r] = 0 - map[r];
}

bool singular_map(float *restrict map, double *value,
                  const float *restrict matrix, size_t num_rows,
                  size_t num_columns, struct error *err)
{
    size_t count = num_rows * num_columns;
    size_t side = num_rows < num_columns ? num_rows : num_columns;
    float largest = largest_of(matrix, count), *floats;
    struct iteration it = {.side = side};
    double trace;
    bool ok = false;

    memset(map, 0, num_rows * sizeof *map);
    *value = 0;
    if (!(largest >= FLT_MIN)) /* 1 / largest would be infinite */
        return true;
    floats = calloc(count + 3 * side * side, sizeof *floats);
    it.vector = malloc(2 * side * sizeof *it.vector);
    if (!floats || !it.vector) {
        fail(err, ERROR_MEMORY, "not enough memory for %zu x %zu numbers",
             num_rows, num_columns);
        goto out;
    }
    it.next = it.vector + side;
    it.products = floats + count;
    it.power = it.products + side * side;
    it.square = it.power + side * side;
    copy_matrix(floats, matrix, num_rows, num_columns, 1 / largest);
    trace = multiply_rows(it.products, floats, side, count / side);
    iterate(&it);
    *value =
        sqrt(sqrt(multiply(it.next, it.products, it.vector, side)) * trace) *
        (double)largest;
    make_map(map, &it, matrix, floats, num_rows, num_columns, 1 / largest);
    ok = true;
out:
    free(floats);
    free(it.vector);
    return ok;
}
