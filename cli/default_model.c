#include "cli/default_model.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define DEFAULT_MODEL "models/efficientnet-lite0"
#define SHARE_MODEL "share/wherefore/" DEFAULT_MODEL

/* Writes the folder's path, `len` characters of `base` and then `rest`. */
static bool is_there(char path[PATH_MAX], int len, const char *base,
                     const char *rest)
{
    int written = snprintf(path, PATH_MAX, "%.*s/%s", len, base, rest);

    return written > 0 && written < PATH_MAX && access(path, F_OK) == 0;
}

/* Relative to bin/, where the program is. */
static bool is_installed(char path[PATH_MAX])
{
    char program[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    const char *slash;

    if (len <= 0)
        return false;
    program[len] = '\0';
    slash = strrchr(program, '/');
    return slash &&
           is_there(path, (int)(slash - program), program, "../" SHARE_MODEL);
}

/* Where the Python package puts models. */
static bool is_the_users(char path[PATH_MAX])
{
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");

    if (data && *data)
        return is_there(path, PATH_MAX, data, "wherefore/" DEFAULT_MODEL);
    return home && is_there(path, PATH_MAX, home, ".local/" SHARE_MODEL);
}

const char *default_model(char path[PATH_MAX])
{
    if (access(DEFAULT_MODEL "/model.json", F_OK) == 0 ||
        !(is_installed(path) || is_the_users(path) ||
          is_there(path, PATH_MAX, "/usr/local", SHARE_MODEL)))
        return DEFAULT_MODEL;
    return path;
}
