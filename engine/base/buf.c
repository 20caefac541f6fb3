#include "engine/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/hugepages.h"
#include "engine/base/memory_limit.h"

bool buf_reserve(struct buf *buf, size_t extra, struct error *err)
{
    size_t cap = buf->cap;
    uint8_t *data;

    if (extra <= buf->cap - buf->len)
        return true;
    if (extra > SIZE_MAX / 4 - buf->len)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu more bytes",
                    extra);
    cap += cap / 2;
    if (cap < buf->len + extra)
        cap = buf->len + extra;
    if (cap < 256)
        cap = 256;
    if (!memory_limit_begin(cap - buf->cap, err))
        return false;
    data = realloc(buf->data, cap);
    memory_limit_end(cap - buf->cap);
    if (!data)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu bytes", cap);
    buf->data = data;
    buf->cap = cap;
    return true;
}

bool buf_append(struct buf *buf, const void *bytes, size_t len,
                struct error *err)
{
    if (len == 0)
        return true;
    if (!buf_reserve(buf, len, err))
        return false;
    memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    return true;
}

bool buf_printf(struct buf *buf, struct error *err, const char *fmt, ...)
{
    char text[BUF_MAX_PRINTED + 1];
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof text)
        return fail(err, ERROR_INTERNAL, "the text is longer than %d bytes",
                    BUF_MAX_PRINTED);
    return buf_append(buf, text, (size_t)len, err);
}

bool buf_read_at(uint8_t *bytes, int fd, size_t len, uint64_t offset,
                 struct error *err)
{
    for (size_t done = 0; done < len;) {
        ssize_t got =
            pread(fd, bytes + done, len - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return fail(err, ERROR_IO, "cannot be read: %s",
                        got < 0 ? strerror(errno)
                                : "it shrank while it was read");
        done += (size_t)got;
    }
    return true;
}

int buf_open_file(const char *path, struct error *err)
{
    /* Opening a FIFO must not block until it has a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        fail(err, ERROR_IO, "cannot be opened: %s", strerror(errno));
    return fd;
}

bool buf_file_size(size_t *size, int fd, size_t max_bytes, struct error *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return fail(err, ERROR_IO, "cannot be read: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail(err, ERROR_IO, "is not a regular file");
    if ((uintmax_t)st.st_size > max_bytes)
        return fail(err, ERROR_LIMIT, "is %jd bytes; at most %zu are allowed",
                    (intmax_t)st.st_size, max_bytes);
    *size = (size_t)st.st_size;
    return true;
}

bool buf_append_open_file(struct buf *buf, int fd, size_t max_bytes,
                          struct error *err)
{
    size_t size;

    if (!buf_file_size(&size, fd, max_bytes, err) ||
        !buf_reserve(buf, size, err))
        return false;
    hugepages_advise(buf->data, buf->cap);
    if (!buf_read_at(buf->data + buf->len, fd, size, 0, err))
        return false;
    buf->len += size;
    return true;
}

bool buf_append_file(struct buf *buf, const char *path, size_t max_bytes,
                     struct error *err)
{
    int fd = buf_open_file(path, err);
    bool ok = fd >= 0 && buf_append_open_file(buf, fd, max_bytes, err);

    if (fd >= 0)
        close(fd);
    return ok;
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
}

void buf_release(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}
