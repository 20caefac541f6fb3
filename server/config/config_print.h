#ifndef SERVER_CONFIG_CONFIG_PRINT_H
#define SERVER_CONFIG_CONFIG_PRINT_H

/* Prints the options for people. */

#include "server/config/config.h"

/* The options and actions with their defaults and ranges, by section. */
void config_print_help(FILE *out);

/* The options in effect, in the format of config_file_read, each below a
 * comment that says where it comes from. A value that a file cannot hold
 * becomes a comment too. */
void config_print_file(FILE *out, const struct config *config);

#endif
