/* Constants whose bytes are in another file.
 *
 * The name of that file comes from the model and is not trusted: it is looked
 * up folder by folder, and no link is followed. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/onnx/onnx_reader.h"

enum { MAX_NAME = 255 };

/* The most bytes that all external constants of a model may have together. */
#define MAX_EXTERNAL_BYTES ((uint64_t)1 << 31)

/* The position of a constant's bytes. */
struct external {
    const char *location;    /* or NULL; borrowed */
    uint64_t offset, length; /* bytes */
};

/* Decimal digits, at most 18 of them. */
static bool parse_bytes(uint64_t *bytes, const char *text)
{
    size_t len = strlen(text);

    if (len < 1 || len > 18 || strspn(text, "0123456789") != len)
        return false;
    *bytes = strtoull(text, NULL, 10);
    return true;
}

static bool find_external(struct external *external,
                          const onnx_tensor_proto *tensor, struct error *err)
{
    for (size_t i = 0; i < tensor->n_external_data; i++) {
        const char *key = tensor->external_data[i]->key;
        const char *value = tensor->external_data[i]->value;
        bool ok = true;

        if (!key || !value)
            continue;
        if (strcmp(key, "location") == 0)
            external->location = value;
        else if (strcmp(key, "offset") == 0)
            ok = parse_bytes(&external->offset, value);
        else if (strcmp(key, "length") == 0)
            ok = parse_bytes(&external->length, value);
        if (!ok)
            return fail(err, ERROR_INPUT, "its %s \"%.40s\" is not valid", key,
                        value);
    }
    if (!external->location)
        return fail(err, ERROR_INPUT, "its external data has no location");
    return true;
}

/* Opens an entry of an open folder. */
static int open_entry(int folder, const char *name, size_t len, int flags)
{
    char entry[MAX_NAME + 1];

    if (len < 1 || len > MAX_NAME || (name[0] == '.' && len == 1) ||
        (name[0] == '.' && name[1] == '.' && len == 2))
        return -1;
    memcpy(entry, name, len);
    entry[len] = '\0';
    return openat(folder, entry, flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

/* Opens a file by a relative path without links or "..". */
static int open_within(const char *folder, const char *path)
{
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (;;) {
        size_t len = strcspn(path, "/");
        /* Opening a FIFO for reading would block. */
        int flags = path[len] ? O_DIRECTORY : O_NONBLOCK;
        int next = at < 0 ? -1 : open_entry(at, path, len, flags);

        if (at >= 0)
            close(at);
        if (next < 0 || !path[len])
            return next;
        at = next;
        path += len + 1;
    }
}

/* FNV-1a, of 64 bits at a time. */
static void add_to_hash(uint64_t *hash, uint64_t number)
{
    if (*hash == 0)
        *hash = 0xCBF29CE484222325;
    *hash = (*hash ^ number) * 0x100000001B3;
}

/* Adds what tells a file from another one, and from itself once written to. */
static void add_file(uint64_t *hash, const struct stat *stat)
{
    add_to_hash(hash, (uint64_t)stat->st_dev);
    add_to_hash(hash, (uint64_t)stat->st_ino);
    add_to_hash(hash, (uint64_t)stat->st_size);
    add_to_hash(hash, (uint64_t)stat->st_mtim.tv_sec);
    add_to_hash(hash, (uint64_t)stat->st_mtim.tv_nsec);
}

static bool check_file(int file, const struct external *external,
                       uint64_t *hash, struct error *err)
{
    struct stat stat;
    uint64_t end = external->offset + external->length;

    if (fstat(file, &stat) != 0 || !S_ISREG(stat.st_mode))
        return fail(err, ERROR_IO, "\"%.100s\" is not a regular file",
                    external->location);
    if ((uint64_t)stat.st_size < end)
        return fail(
            err, ERROR_INPUT,
            "its data ends at byte %llu of \"%.100s\", which has %lld bytes",
            (unsigned long long)end, external->location,
            (long long)stat.st_size);
    add_file(hash, &stat);
    return true;
}

static bool read_bytes(uint8_t *bytes, int file,
                       const struct external *external, struct error *err)
{
    return buf_read_at(bytes, file, external->length, external->offset, NULL) ||
           fail(err, ERROR_IO, "\"%.100s\" cannot be read", external->location);
}

bool onnx_external_read(struct onnx_reader *reader, onnx_tensor_proto *tensor,
                        size_t size)
{
    struct external external = {.length = size};
    struct error *err = reader->err;
    uint8_t *bytes = NULL;
    int file = -1;
    bool ok = false;

    if (!reader->folder)
        return fail(
            err, ERROR_UNSUPPORTED,
            "its data is in another file; save the model as a single file");
    if (!find_external(&external, tensor, err))
        return false;
    if (external.length != size)
        return fail(err, ERROR_INPUT,
                    "it has %llu bytes in \"%.100s\", but its shape needs %zu",
                    (unsigned long long)external.length, external.location,
                    size);
    reader->num_external += size;
    if (reader->num_external > MAX_EXTERNAL_BYTES)
        return fail(err, ERROR_LIMIT,
                    "the external data is larger than %llu bytes",
                    (unsigned long long)MAX_EXTERNAL_BYTES);
    file = open_within(reader->folder, external.location);
    if (file < 0) {
        fail(err, ERROR_IO,
             "its data is in \"%.100s\", which cannot be opened in the model's "
             "folder",
             external.location);
        goto out;
    }
    if (!check_file(file, &external, &reader->weight_files, err))
        goto out;
    bytes = graph_block_new(size + 1);
    if (!bytes) {
        fail(err, ERROR_MEMORY, "not enough memory for %zu bytes", size);
        goto out;
    }
    if (!read_bytes(bytes, file, &external, err))
        goto out;
    graph_block_free(tensor->raw_data.data);
    tensor->raw_data = (ProtobufCBinaryData){.len = size, .data = bytes};
    tensor->has_raw_data = true;
    bytes = NULL;
    ok = true;
out:
    graph_block_free(bytes);
    if (file >= 0)
        close(file);
    return ok;
}
