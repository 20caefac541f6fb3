#include "cli/whole_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool path_of(char path[PATH_MAX], const char *folder, const char *name,
                    struct error *err)
{
    int len = snprintf(path, PATH_MAX, "%s/%s", folder, name);

    return (len > 0 && len < PATH_MAX) ||
           fail(err, ERROR_INPUT, "the folder's path is too long");
}

static bool fail_file(const char *name, struct error *err)
{
    return fail(err, ERROR_IO, "%s cannot be written: %s", name,
                strerror(errno));
}

bool whole_file_write(const char *folder, const char *name,
                      const struct buf *bytes, struct error *err)
{
    char path[PATH_MAX], draft[PATH_MAX];
    FILE *file;
    bool ok;

    if (!path_of(path, folder, name, err) ||
        !path_of(draft, folder, ".draft", err))
        return false;
    file = fopen(draft, "w");
    if (!file)
        return fail_file(name, err);
    ok = fwrite(bytes->data, 1, bytes->len, file) == bytes->len;
    ok = fclose(file) == 0 && ok && rename(draft, path) == 0;
    return ok || fail_file(name, err);
}
