#ifndef CLI_STUMBLE_H
#define CLI_STUMBLE_H

/* What getopt_long() cannot make anything of, in the words of `wherefore
 * serve`. */

#include <getopt.h>
#include <stdbool.h>

#include "engine/base/error.h"

/* To be called at once when getopt_long() has returned `sign`, '?' or ':', for
 * `argv` and `options`. ERROR_INPUT; returns false. */
bool stumble_over(int sign, char **argv, const struct option *options,
                  struct error *err);

#endif
