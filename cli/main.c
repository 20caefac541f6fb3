/* wherefore: what is in an image, and where the evidence is. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/complain.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct command commands[] = {
    {"serve", cmd_serve, "serve explanations of images over HTTP"},
    {"cam", cmd_cam, "explain images on the command line"},
    {"look", cmd_look, "show the activations of a layer on images"},
    {"filters", cmd_filters, "show the filters of a convolution"},
    {"exemplars", cmd_exemplars,
     "find the photos that excite a layer's channels most"},
    {"ascend", cmd_ascend,
     "make the picture that a class or channel looks for"},
    {"eval", cmd_eval, "measure a model and its maps on known photos"},
    {"calibrate", cmd_calibrate, "find how boxes are cut best for a model"},
    {"fit", cmd_fit, "make a model of your own classes from photos"},
    {"model", cmd_model, "inspect networks and make models from them"},
    {"health", cmd_health, "check the health of a running server"},
};

enum { NUM_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out)
{
    fprintf(out, "usage: wherefore COMMAND [OPTION...]\n\ncommands:\n");
    for (size_t i = 0; i < NUM_COMMANDS; i++)
        fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\nSee `wherefore COMMAND --help` for the options of a "
                 "command, and\n`wherefore --version` for the version.\n");
}

static bool is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 ||
           strcmp(word, "-h") == 0;
}

static int fail_unknown(const char *word)
{
    bool is_option = *word == '-';

    fputs(is_option ? "wherefore: unknown option "
                    : "wherefore: unknown command \"",
          stderr);
    complain_print(stderr, word);
    fputs(is_option ? "; --help lists them\n" : "\"; --help lists them\n",
          stderr);
    return 2;
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < NUM_COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static int help_with(char *name)
{
    const struct command *command = find(name);
    char flag[] = "--help";
    char *argv[] = {name, flag, NULL};

    return command ? command->run(2, argv) : fail_unknown(name);
}

static int run(int argc, char **argv)
{
    const struct command *command;

    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (argc > 2 && strcmp(argv[1], "help") == 0)
        return help_with(argv[2]);
    if (is_help(argv[1])) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("wherefore " WHEREFORE_VERSION);
        return 0;
    }
    command = find(argv[1]);
    return command ? command->run(argc - 1, argv + 1) : fail_unknown(argv[1]);
}

/* The parent process may have closed standard input, output or error. Files
 * that we open would then get their numbers, and logs or results would be
 * written to them. */
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

/* All output must have been written, even on a full disk. The longest help fits
 * into the buffer, so that the last write of it says why it failed. */
int main(int argc, char **argv)
{
    static char buffer[64 << 10];
    const char *why;
    int status;

    if (!open_standard_files())
        return 1; /* there may be no way to report it */
    if (!isatty(STDOUT_FILENO))
        setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    status = run(argc, argv);
    why = fflush(stdout) != 0 ? strerror(errno)
          : ferror(stdout)    ? "part of it was lost"
                              : NULL;
    if (!why || status != 0)
        return status;
    fprintf(stderr, "wherefore: cannot write the output: %s\n", why);
    return 1;
}
