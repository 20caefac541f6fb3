#include "cli/default_model.h"

#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define DEFAULT_MODEL "models/efficientnet-lite0"
#define INSTALLED_MODEL \
    "../share/wherefore/" DEFAULT_MODEL /* relative to bin/ */

const char *default_model(char path[PATH_MAX])
{
    char *slash;
    ssize_t len;

    if (access(DEFAULT_MODEL "/model.json", F_OK) == 0)
        return DEFAULT_MODEL;
    len = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (len <= 0)
        return DEFAULT_MODEL;
    path[len] = '\0';
    slash = strrchr(path, '/');
    if (!slash ||
        (size_t)(slash + 1 - path) + sizeof INSTALLED_MODEL > PATH_MAX)
        return DEFAULT_MODEL;
    memcpy(slash + 1, INSTALLED_MODEL, sizeof INSTALLED_MODEL);
    return access(path, F_OK) == 0 ? path : DEFAULT_MODEL;
}
