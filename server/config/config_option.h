#ifndef SERVER_CONFIG_CONFIG_OPTION_H
#define SERVER_CONFIG_CONFIG_OPTION_H

/* The rows of CONFIG_OPTIONS (config.h) one by one, for those who read and
 * print options: finding one by name, and setting one from a text. */

#include "server/config/config.h"
#include "server/config/options.h"

enum {
#define X(action, flag, help) +1
    CONFIG_NUM_ACTIONS = CONFIG_ACTIONS(X)
#undef X
};

/* The options and sections, and behind them the actions. */
extern const struct option
    config_option_rows[CONFIG_NUM_ROWS + CONFIG_NUM_ACTIONS];

/* Kept until the config is released, whether it comes to be used or not. */
struct config_text {
    struct config_text *next;
    char text[];
};

/* The row at a place, sections among them; NULL beyond the last. */
const struct option *config_option_at(size_t i);

/* The option of that name, which need not be terminated, or NULL. */
const struct option *config_option_find(const char *name, size_t len);

/* The section that an option stands in. */
const char *config_option_section(const struct option *option);

/* Whether a file may have it: all but the one that names the file. */
bool config_option_in_file(const struct option *option);

/* Sets it to its default. */
void config_option_reset(struct config *config, const struct option *option);

/* Sets it, or adds to it where it is a list, from a text; what `origin` gives
 * way to is only checked. ERROR_INPUT says what is accepted (not for which
 * option), and leaves the option as it was. ERROR_MEMORY. */
bool config_option_set(struct config *config, const struct option *option,
                       const char *value, struct config_origin origin,
                       struct error *err) __attribute__((warn_unused_result));

/* Where its value is from. */
struct config_origin config_option_origin(const struct config *config,
                                          const struct option *option);

/* Its value as a text: item `i` of a list, and NULL behind the last; any other
 * option has the item 0 only. `digits` is room for a number. */
const char *config_option_value(char digits[32], const struct config *config,
                                const struct option *option, size_t i);

#endif
