/* The defaults by themselves: who wants no more reads no files. */
#include "server/config/config.h"

#include "server/config/config_option.h"

void config_init(struct config *config)
{
    const struct option *option;

    *config = (struct config){0};
    for (size_t i = 0; (option = config_option_at(i)) != NULL; i++)
        config_option_reset(config, option);
}
