/* wherefore: what is in a picture, and where the evidence is. */

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct command commands[] = {
    {"serve", cmd_serve, "answer questions about pictures over HTTP"},
    {"cam", cmd_cam, "explain pictures on the command line"},
    {"model", cmd_model, "look into networks, and make models of them"},
    {"health", cmd_health, "ask the running server whether it is well"},
};

enum { NUM_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out)
{
    fprintf(out, "usage: wherefore COMMAND [OPTION...]\n\ncommands:\n");
    for (size_t i = 0; i < NUM_COMMANDS; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\n`wherefore COMMAND --help` says more; "
                 "`wherefore --version` is the version.\n");
}

/* Whoever starts us may have closed standard input, output or error. What we
 * open ourselves would take their numbers, and be given a log or an answer. */
static bool open_standard_files(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

int main(int argc, char **argv)
{
    if (!open_standard_files())
        return 1; /* there may be nowhere to say so */
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("wherefore " WHEREFORE_VERSION);
        return 0;
    }
    for (size_t i = 0; i < NUM_COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "wherefore: no command \"%s\"; --help lists them\n",
            argv[1]);
    return 2;
}
