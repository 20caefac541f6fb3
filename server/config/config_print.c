#include "server/config/config_print.h"

#include "server/config/config_file.h"
#include "server/config/config_option.h"

enum { COLUMNS = 78 };

/* Words in lines that begin with `indent` spaces. */
static void print_words(FILE *out, int indent, const char *words)
{
    int column = 0;

    while (*words) {
        int len = 0;

        while (words[len] && words[len] != ' ')
            len++;
        if (column > 0 && column + 1 + len > COLUMNS) {
            fputc('\n', out);
            column = 0;
        }
        fprintf(out, "%*s%.*s", column > 0 ? 1 : indent, "", len, words);
        column += (column > 0 ? 1 : indent) + len;
        words += len + (words[len] == ' ');
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct config_option *o)
{
    struct config defaults;
    char digits[32];
    const char *value;

    config_init(&defaults);
    value = config_option_value(digits, &defaults, o, 0);
    fprintf(out, "  --%s %s\n", o->flag,
            o->type == CONFIG_OPTION_NUMBER ? "N" : o->accepts);
    print_words(out, 6, o->help);
    fprintf(out, "      (default %s", value && *value ? value : "none");
    if (o->type == CONFIG_OPTION_NUMBER)
        fprintf(out, "; %ju to %ju %s", (uintmax_t)o->min, (uintmax_t)o->max,
                o->accepts);
    fprintf(out, ")\n");
}

static void print_action(FILE *out, const char *flag, const char *help)
{
    fprintf(out, "  --%s\n", flag);
    print_words(out, 6, help);
}

void config_print_help(FILE *out)
{
    const struct config_option *o;

    for (size_t i = 0; (o = config_option_at(i)) != NULL; i++) {
        if (o->type == CONFIG_OPTION_SECTION)
            fprintf(out, "\n%s: %s\n", o->flag, o->help);
        else
            print_option(out, o);
    }
#define X(action, flag, help) print_action(out, flag, help);
    CONFIG_ACTIONS(X)
#undef X
}

static void print_origin(FILE *out, const struct config *config,
                         struct config_origin origin)
{
    switch (origin.source) {
    case CONFIG_DEFAULT:
        fprintf(out, "# the default\n");
        break;
    case CONFIG_FILE:
        fprintf(out, "# %s, line %u\n", config->file, origin.line);
        break;
    case CONFIG_ENVIRONMENT:
        fprintf(out, "# the environment\n");
        break;
    case CONFIG_FLAG:
        fprintf(out, "# the command line\n");
    }
}

static void print_value(FILE *out, const char *flag, const char *value)
{
    if (config_file_holds(flag, value))
        fprintf(out, "%s = %s\n", flag, value);
    else
        fprintf(out, "# no line of a file can hold this:\n# %s = %s\n", flag,
                value);
}

static void print_setting(FILE *out, const struct config *config,
                          const struct config_option *option)
{
    char digits[32];
    const char *value;

    print_origin(out, config, config_option_origin(config, option));
    if (!config_option_value(digits, config, option, 0))
        fprintf(out, "%s =\n", option->flag);
    for (size_t i = 0;
         (value = config_option_value(digits, config, option, i)) != NULL; i++)
        print_value(out, option->flag, value);
}

void config_print_file(FILE *out, const struct config *config)
{
    const struct config_option *option;
    const struct config_option *section = NULL;

    fprintf(out, "# The options of wherefore serve that are in effect.\n");
    for (size_t i = 0; (option = config_option_at(i)) != NULL; i++) {
        if (option->type == CONFIG_OPTION_SECTION) {
            section = option;
        } else if (config_option_in_file(option)) {
            if (section)
                fprintf(out, "\n[%s]\n", section->flag);
            section = NULL;
            print_setting(out, config, option);
        }
    }
}
