#ifndef CLI_COMPLAIN_H
#define CLI_COMPLAIN_H

/* What goes wrong on the command line, said on standard error. Any thread. */

#include <stdio.h>

#include "engine/base/error.h"

/* Prints a text of the user's, or of a file's; control characters do not
 * reach a terminal. */
void complain_print(FILE *stream, const char *text);

/* "wherefore COMMAND: NAME: what is wrong", in a line; `name`, a file's, may be
 * NULL. */
void complain_about(const char *command, const char *name,
                    const struct error *err);

#endif
