#ifndef ENGINE_EXPLAIN_PERCENTILE_H
#define ENGINE_EXPLAIN_PERCENTILE_H

#include <stddef.h>

/* The least of the absolute values that a share of them does not exceed: the
 * share 1 asks for the largest. 0 without values. Any thread.
 *
 * values  in  (count)
 * share   above 0, at most 1 */
float percentile_of_sizes(const float *values, size_t count, double share);

/* Likewise of the values, where negative ones and NaN count as 0. The share may
 * be 0, which asks for the least. */
float percentile_of_positive(const float *values, size_t count, double share);

#endif
