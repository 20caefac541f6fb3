#include "cli/folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool folder_make(const char *path, struct error *err)
{
    char above[PATH_MAX];

    if (snprintf(above, sizeof above, "%s", path) >= (int)sizeof above)
        return fail(err, ERROR_INPUT, "the folder's path is too long");
    /* What is wrong with one above shows below it. */
    for (char *at = above; *at && (at = strchr(at + 1, '/')); *at = '/') {
        *at = '\0';
        (void)mkdir(above, 0777);
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST ||
           fail(err, ERROR_IO, "cannot be made: %s", strerror(errno));
}
