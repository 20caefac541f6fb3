#ifndef SERVER_CONFIG_CONFIG_OPTION_H
#define SERVER_CONFIG_CONFIG_OPTION_H

/* The rows of CONFIG_OPTIONS (config.h) one by one, for those who read and
 * print options: finding one by name, and setting one from a text. */

#include "server/config/config.h"

enum config_option_type {
    CONFIG_OPTION_SECTION,
    CONFIG_OPTION_TEXT,
    CONFIG_OPTION_LIST,
    CONFIG_OPTION_NUMBER,
    CONFIG_OPTION_CHOICE,
};

struct config_option {
    enum config_option_type type;
    const char *flag;    /* or the section's name */
    size_t offset;       /* of the field in struct config */
    const char *text;    /* default of a text or a list */
    uint64_t number;     /* default of a number or a choice */
    uint64_t min, max;   /* of a number, inclusive */
    const char *accepts; /* value name, unit, or "a|b|c" */
    const char *help;
};

/* Kept until the config is released, whether it comes to be used or not. */
struct config_text {
    struct config_text *next;
    char text[];
};

/* The row at a place, sections among them; NULL beyond the last. */
const struct config_option *config_option_at(size_t i);

/* The option of that name, which need not be terminated, or NULL. */
const struct config_option *config_option_find(const char *name, size_t len);

/* The section that an option stands in. */
const char *config_option_section(const struct config_option *option);

/* Whether a file may have it: all but the one that names the file. */
bool config_option_in_file(const struct config_option *option);

/* The nearest of the names that a slip of the finger may have been meant for:
 * an option's, or an action's where `actions` is set. NULL: it is far from
 * all. */
const char *config_option_nearest(const char *name, size_t len, bool actions);

/* Sets it to its default. */
void config_option_reset(struct config *config,
                         const struct config_option *option);

/* Sets it, or adds to it where it is a list, from a text; what `origin` gives
 * way to is only checked. ERROR_INPUT says what is accepted (not for which
 * option), and leaves the option as it was. ERROR_MEMORY. */
bool config_option_set(struct config *config,
                       const struct config_option *option, const char *value,
                       struct config_origin origin, struct error *err)
    __attribute__((warn_unused_result));

/* Where its value is from. */
struct config_origin config_option_origin(const struct config *config,
                                          const struct config_option *option);

/* Its value as a text: item `i` of a list, and NULL behind the last; any other
 * option has the item 0 only. `digits` is room for a number. */
const char *config_option_value(char digits[32], const struct config *config,
                                const struct config_option *option, size_t i);

#endif
