/* The commands of the service, in the wheel's program, which has none: it would
 * bring libmicrohttpd, GnuTLS and their eight libraries into every wheel. */

#include <string.h>

#include "cli/cmd.h"
#include "cli/complain.h"

static int refuse(const char *command, int argc, char **argv)
{
    const bool help = argc > 1 && strcmp(argv[1], "--help") == 0;
    struct error err = {0};

    (void)fail(&err, ERROR_UNSUPPORTED,
               "the Python package has no service; the program that is built "
               "from the source, and the container, have it (docs/deploy.md)");
    complain_about(command, NULL, &err);
    return help ? 0 : 1;
}

int cmd_serve(int argc, char **argv)
{
    return refuse("serve", argc, argv);
}

int cmd_health(int argc, char **argv)
{
    return refuse("health", argc, argv);
}
