#ifndef CLI_CMD_H
#define CLI_CMD_H

/* The subcommands. Each gets the arguments from its own name on, and returns
 * the exit status: 0 success, 1 failure, 2 usage error. */

#include "server/version.h"

#define WHEREFORE_VERSION VERSION_TEXT

int cmd_serve(int argc, char **argv);
int cmd_cam(int argc, char **argv);
int cmd_look(int argc, char **argv);
int cmd_filters(int argc, char **argv);
int cmd_exemplars(int argc, char **argv);
int cmd_ascend(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_calibrate(int argc, char **argv);
int cmd_fit(int argc, char **argv);
int cmd_model(int argc, char **argv);
int cmd_health(int argc, char **argv);

#endif
