#ifndef ENGINE_EXPLAIN_GAUSS_H
#define ENGINE_EXPLAIN_GAUSS_H

/* Integrals over [0, 1] by the rule of Gauss and Legendre: with n points, it is
 * exact for polynomials of a degree below 2 n. Any thread. */

#include <stddef.h>

struct gauss_point {
    double at, weight;
};

/* Point i < n of the rule, in ascending order; the weights of all add up to 1.
 * Good to about 1e-13 for n up to 256. */
struct gauss_point gauss_point(size_t i, size_t n);

#endif
