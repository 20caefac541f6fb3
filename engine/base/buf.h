#ifndef ENGINE_BASE_BUF_H
#define ENGINE_BASE_BUF_H

/* A growable array of bytes: file contents, request bodies, encoded images. One
 * thread at a time. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

enum { BUF_MAX_PRINTED = 1023 };

/* `= {0}` is the empty buffer. */
struct buf {
    uint8_t *data; /* (cap) owned; NULL while cap is 0 */
    size_t len;    /* bytes in use */
    size_t cap;    /* bytes allocated */
};

/* Reserves space for `extra` more bytes after len. On failure (ERROR_MEMORY)
 * the buffer is unchanged. */
bool buf_reserve(struct buf *buf, size_t extra, struct error *err)
    __attribute__((warn_unused_result));

/* Appends `len` bytes. Fails like buf_reserve. */
bool buf_append(struct buf *buf, const void *bytes, size_t len,
                struct error *err) __attribute__((warn_unused_result));

/* Appends formatted text of at most BUF_MAX_PRINTED bytes; if it is longer,
 * nothing is appended (ERROR_INTERNAL). Otherwise fails like buf_reserve. */
bool buf_printf(struct buf *buf, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), warn_unused_result));

/* Appends a whole file. ERROR_IO: it cannot be opened or read (the text gives
 * the reason, not the path). ERROR_LIMIT: it is longer than max_bytes and was
 * not read. ERROR_MEMORY. */
bool buf_append_file(struct buf *buf, const char *path, size_t max_bytes,
                     struct error *err) __attribute__((warn_unused_result));

/* The same for a file that is open, from its start on, wherever its position
 * is; buf_open_file opens one, or returns -1 and ERROR_IO. */
int buf_open_file(const char *path, struct error *err)
    __attribute__((warn_unused_result));
bool buf_append_open_file(struct buf *buf, int fd, size_t max_bytes,
                          struct error *err)
    __attribute__((warn_unused_result));

/* The bytes of a regular file that is open. Fails like buf_append_file. */
bool buf_file_size(size_t *size, int fd, size_t max_bytes, struct error *err)
    __attribute__((warn_unused_result));

/* Reads (len) bytes from `offset` of an open file on. ERROR_IO, also where it
 * ends before. */
bool buf_read_at(uint8_t *bytes, int fd, size_t len, uint64_t offset,
                 struct error *err) __attribute__((warn_unused_result));

/* Empties the buffer but keeps its memory. */
void buf_clear(struct buf *buf);

/* Frees the memory; the buffer is empty afterwards. */
void buf_release(struct buf *buf);

#endif
