#ifndef CLI_COMPLAIN_H
#define CLI_COMPLAIN_H

/* Error messages on standard error. Any thread. */

#include <stdio.h>

#include "engine/base/error.h"

/* Prints text from a user or a file, with control characters replaced so that
 * they do not reach the terminal. */
void complain_print(FILE *stream, const char *text);

/* Prints a line "wherefore COMMAND: NAME: text"; `name`, usually a file's, may
 * be NULL. */
void complain_about(const char *command, const char *name,
                    const struct error *err);

#endif
