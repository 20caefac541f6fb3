#include "server/config/config_print.h"

#include "server/config/config_file.h"
#include "server/config/config_option.h"

void config_print_help(FILE *out)
{
    struct config defaults;

    config_init(&defaults);
    options_print(out, config_option_rows, CONFIG_NUM_ROWS + CONFIG_NUM_ACTIONS,
                  &defaults);
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
        fprintf(out, "# a file cannot hold this value:\n# %s = %s\n", flag,
                value);
}

static void print_setting(FILE *out, const struct config *config,
                          const struct option *option)
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
    const struct option *option;
    const struct option *section = NULL;

    fprintf(out, "# The options of wherefore serve that are in effect.\n");
    for (size_t i = 0; (option = config_option_at(i)) != NULL; i++) {
        if (option->type == OPTION_SECTION) {
            section = option;
        } else if (config_option_in_file(option)) {
            if (section)
                fprintf(out, "\n[%s]\n", section->flag);
            section = NULL;
            print_setting(out, config, option);
        }
    }
}
