#ifndef TESTS_METHODS_LINES_H
#define TESTS_METHODS_LINES_H

/* Holds methods of explanation to what PyTorch says of them, line by line
 * (methods_data.h). Whatever fails here fails the running cmocka test. */

#include "tests/explained.h"
#include "tests/methods_data.h"

/* Slow: under the sanitizers, and on arm64, which is as a rule emulated, every
 * third network has to do. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    defined(__aarch64__)
enum { METHODS_LINES_ONE_OF = 3 };
#else
enum { METHODS_LINES_ONE_OF = 1 };
#endif

/* What is allowed to the lines of one method: bounds of what is off as a
 * fraction of the map (methods_data_distance), of all lines' median and of each
 * line. */
struct methods_lines_bound {
    const char *name; /* the method's in the file */
    double median, most;
    double most_of_target; /* instead of `most`: a fraction of the largest
                              logit; 0: none */
};

/* Asks for a line's map, and returns how far it is off; -1 if it is refused, as
 * it should be. The target is set. */
typedef double methods_lines_check(struct explained *explained,
                                   const struct methods_data *data,
                                   const struct methods_lines_bound *bound);

/* Checks all lines of the methods, and that of each there are at least so many,
 * with medians within the bounds. Medians are checked if all networks are:
 * fewer may be the worst ones.
 *
 * open  opens a network (explained_open) */
void methods_lines_run(const struct methods_lines_bound *bounds,
                       size_t num_bounds, size_t least,
                       void (*open)(struct explained *explained,
                                    const char *file),
                       methods_lines_check *check);

#endif
