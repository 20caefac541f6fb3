#ifndef SERVER_CONFIG_CONFIG_PRINT_H
#define SERVER_CONFIG_CONFIG_PRINT_H

/* The options, for people. */

#include "server/config/config.h"

/* The options and actions with their defaults and ranges, by section. */
void config_print_help(FILE *out);

/* The options in effect as a file that config_file_read takes, with a comment
 * above each that says where it is from. What a file cannot hold becomes a
 * comment too. */
void config_print_file(FILE *out, const struct config *config);

#endif
