#ifndef CLI_DEFAULT_MODEL_H
#define CLI_DEFAULT_MODEL_H

/* Which model is meant where none is named. */

#include <limits.h>

/* The folder of the default model: below the current directory or, failing
 * that, where `make install` puts it. Returns `path`, which it may write, or a
 * constant. */
const char *default_model(char path[PATH_MAX]);

#endif
