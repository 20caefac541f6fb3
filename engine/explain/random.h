#ifndef ENGINE_EXPLAIN_RANDOM_H
#define ENGINE_EXPLAIN_RANDOM_H

/* Random numbers that depend on a seed and a counter only, so that passes can
 * be made in any order and on any thread, and a map be made again. Their bits
 * are those of splitmix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom
 * Number Generators, 2014). Any thread. */

#include <stddef.h>
#include <stdint.h>

/* Number i of a seed, uniform in [0, 1). */
double random_uniform(uint64_t seed, uint64_t i);

/* Normal numbers with mean 0 and deviation 1, from number `first` of a seed on:
 * those of Box and Muller, two from each two uniform ones.
 *
 * numbers  out  (count) */
void random_normal(float *numbers, uint64_t seed, uint64_t first, size_t count);

#endif
