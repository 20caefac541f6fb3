#ifndef SERVER_CONFIG_CONFIG_OPTION_H
#define SERVER_CONFIG_CONFIG_OPTION_H

/* The rows of CONFIG_OPTIONS (config.h) as an array: finds an option by name,
 * and sets one from a text. */

#include "server/config/config.h"
#include "server/config/options.h"

enum {
#define X(action, flag, help) +1
    CONFIG_NUM_ACTIONS = CONFIG_ACTIONS(X)
#undef X
};

/* The options and sections, followed by the actions. */
extern const struct option
    config_option_rows[CONFIG_NUM_ROWS + CONFIG_NUM_ACTIONS];

/* Kept until the config is released, even if unused. */
struct config_text {
    struct config_text *next;
    char text[];
};

/* Row number i, sections included; NULL past the last. */
const struct option *config_option_at(size_t i);

/* The option of that name, which need not be terminated, or NULL. */
const struct option *config_option_find(const char *name, size_t len);

/* The section that an option stands in. */
const char *config_option_section(const struct option *option);

/* Whether it is allowed in a file: all but the option that names the file. */
bool config_option_in_file(const struct option *option);

/* Sets it to its default. */
void config_option_reset(struct config *config, const struct option *option);

/* Sets the option from a text, or adds an item if it is a list. If a source
 * that overrides `origin` has set it already, the text is only checked.
 * ERROR_INPUT says what is accepted, but does not name the option, and leaves
 * it unchanged. ERROR_MEMORY. */
bool config_option_set(struct config *config, const struct option *option,
                       const char *value, struct config_origin origin,
                       struct error *err) __attribute__((warn_unused_result));

/* Where its value comes from. */
struct config_origin config_option_origin(const struct config *config,
                                          const struct option *option);

/* Its value as a text: item `i` of a list, NULL past the last. Any other option
 * has item 0 only. `digits` is space for a number. */
const char *config_option_value(char digits[32], const struct config *config,
                                const struct option *option, size_t i);

#endif
