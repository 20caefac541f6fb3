#ifndef ENGINE_ONNX_ONNX_FILE_H
#define ENGINE_ONNX_ONNX_FILE_H

/* An ONNX file whose large constants stay in it until they are wanted. The
 * parser of protocol buffers takes a message in memory and copies each constant
 * out of it; a file is mostly constants, so that would be its size twice.
 *
 *     struct onnx_file file = {0};
 *     struct onnx_input input = {.file = &file};
 *
 *     ok = onnx_file_open(&file, fd, max_bytes, ONNX_FILE_LEAST, &err) &&
 *          onnx_read(&graph, file.message.data, file.message.len, &input,
 * &err); onnx_file_release(&file);
 */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* Smaller constants, in bytes, are left in the message. */
#define ONNX_FILE_LEAST ((size_t)64 << 10)

/* The raw_data of an initializer that is not in the message. */
struct onnx_cut {
    size_t initializer;  /* its number in the file */
    uint64_t begin;      /* of the field in the file, */
    uint64_t at, len;    /* and of the bytes in it */
    uint64_t length_at;  /* where the initializer's own length is, in */
    size_t length_width; /* so many bytes, */
    uint64_t length;     /* and what it is */
};

/* `= {0}` is empty. Immutable once open: any thread may read of it. */
struct onnx_file {
    struct buf message;    /* the file without what is cut out; owned */
    struct onnx_cut *cuts; /* (num_cuts) in the order of the file; owned */
    size_t num_cuts;
    int fd; /* borrowed */
};

/* Reads an open file but for the raw_data of initializers that have at least
 * `least` bytes. The message is the whole file if it is none of protocol
 * buffers, or an unusual one: parsing that says what is wrong. The file must
 * stay open until the graph is read. On failure nothing is kept.
 *
 * ERROR_IO     it is not a regular file, or cannot be read
 * ERROR_LIMIT  it is longer than max_bytes
 * ERROR_MEMORY */
bool onnx_file_open(struct onnx_file *file, int fd, size_t max_bytes,
                    size_t least, struct error *err)
    __attribute__((warn_unused_result));

void onnx_file_release(struct onnx_file *file);

#endif
