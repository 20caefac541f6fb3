#include "cli/stumble.h"

#include <string.h>

enum { MAX_SHOWN = 64 };

/* The option that getopt_long() has put into optopt: one that takes no value,
 * and was given one. NULL: optopt is a letter. */
static const struct option *find(const struct option *options)
{
    for (; options->name; options++)
        if (options->val == optopt && options->has_arg == no_argument)
            return options;
    return NULL;
}

static size_t count_long_forms(const struct option *options, const char *flag,
                               size_t len)
{
    size_t count = 0;

    for (; options->name; options++)
        count += strncmp(options->name, flag, len) == 0;
    return count;
}

bool stumble_over(int sign, char **argv, const struct option *options,
                  struct error *err)
{
    const char *text = argv[optind - 1];
    size_t len = strcspn(text, "=");
    int shown = len < MAX_SHOWN ? (int)len : MAX_SHOWN;
    const struct option *known = optopt ? find(options) : NULL;

    if (sign == ':')
        return fail(err, ERROR_INPUT, "%.*s: a value is missing", shown, text);
    if (known)
        return fail(err, ERROR_INPUT, "--%s takes no value", known->name);
    if (optopt)
        return fail(err, ERROR_INPUT, "unknown option -%c; --help lists them",
                    optopt);
    if (count_long_forms(options, text + 2, len - 2) > 1)
        return fail(err, ERROR_INPUT,
                    "%.*s is short for several options; --help lists them",
                    shown, text);
    return fail(err, ERROR_INPUT, "unknown option %.*s; --help lists them",
                shown, text);
}
