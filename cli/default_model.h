#ifndef CLI_DEFAULT_MODEL_H
#define CLI_DEFAULT_MODEL_H

/* The model that is used if none is named. */

#include <limits.h>

/* The folder of the default model: in the current directory or, failing that,
 * where `make install` puts it beside the program, the user's (in
 * $XDG_DATA_HOME, or ~/.local/share) or that in /usr/local. Returns `path`,
 * which it may write to, or a constant. */
const char *default_model(char path[PATH_MAX]);

#endif
