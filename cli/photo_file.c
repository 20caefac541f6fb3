#include "cli/photo_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads a pipe or a device to its end. */
static bool read_stream(struct buf *bytes, int fd, size_t max_bytes,
                        struct error *err)
{
    for (;;) {
        ssize_t got;

        if (!buf_reserve(bytes, 65536, err))
            return false;
        got = read(fd, bytes->data + bytes->len, bytes->cap - bytes->len);
        if (got == 0)
            return true;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, ERROR_IO, "cannot be read: %s", strerror(errno));
        bytes->len += (size_t)got;
        if (bytes->len > max_bytes)
            return fail(err, ERROR_LIMIT,
                        "is longer than %zu bytes, which is the limit",
                        max_bytes);
    }
}

bool photo_file_read(struct buf *bytes, const char *image, size_t max_bytes,
                     struct error *err)
{
    struct stat info;
    bool ok;
    int fd;

    buf_clear(bytes);
    if (strcmp(image, "-") == 0)
        return read_stream(bytes, STDIN_FILENO, max_bytes, err);
    if (stat(image, &info) == 0 && S_ISREG(info.st_mode))
        return buf_append_file(bytes, image, max_bytes, err);
    fd = open(image, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, ERROR_IO, "cannot be opened: %s", strerror(errno));
    ok = read_stream(bytes, fd, max_bytes, err);
    close(fd);
    return ok;
}
