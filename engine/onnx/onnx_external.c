/* Constants whose bytes are in a file beside the model's.
 *
 * The file comes from whoever made the model, so that its name is not trusted:
 * it is looked up folder by folder, and no link is followed. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/onnx/onnx_reader.h"

enum { MAX_NAME = 255 };

/* The most that all constants of a model may have together. */
#define MAX_EXTERNAL_BYTES ((uint64_t)1 << 31)

/* Where a constant's bytes are. */
struct place {
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

static bool find_place(struct place *place, const onnx_tensor_proto *tensor,
                       struct error *err)
{
    for (size_t i = 0; i < tensor->n_external_data; i++) {
        const char *key = tensor->external_data[i]->key;
        const char *value = tensor->external_data[i]->value;
        bool ok = true;

        if (!key || !value)
            continue;
        if (strcmp(key, "location") == 0)
            place->location = value;
        else if (strcmp(key, "offset") == 0)
            ok = parse_bytes(&place->offset, value);
        else if (strcmp(key, "length") == 0)
            ok = parse_bytes(&place->length, value);
        if (!ok)
            return fail(err, ERROR_INPUT, "its %s \"%.40s\" is not valid", key,
                        value);
    }
    if (!place->location)
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

/* Opens a file by a plain relative path. */
static int open_within(const char *folder, const char *path)
{
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (;;) {
        size_t len = strcspn(path, "/");
        /* A pipe would block where it is opened to be read. */
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

static bool check_file(int file, const struct place *place, struct error *err)
{
    struct stat stat;
    uint64_t end = place->offset + place->length;

    if (fstat(file, &stat) != 0 || !S_ISREG(stat.st_mode))
        return fail(err, ERROR_IO, "\"%.100s\" is not a regular file",
                    place->location);
    if ((uint64_t)stat.st_size < end)
        return fail(
            err, ERROR_INPUT,
            "its data ends at byte %llu of \"%.100s\", which has %lld bytes",
            (unsigned long long)end, place->location, (long long)stat.st_size);
    return true;
}

static bool read_bytes(uint8_t *bytes, int file, const struct place *place,
                       struct error *err)
{
    size_t done = 0;

    while (done < place->length) {
        ssize_t got = pread(file, bytes + done, place->length - done,
                            (off_t)(place->offset + done));

        if (got <= 0)
            return fail(err, ERROR_IO, "\"%.100s\" cannot be read",
                        place->location);
        done += (size_t)got;
    }
    return true;
}

bool onnx_external_read(struct onnx_reader *reader, onnx_tensor_proto *tensor,
                        size_t size)
{
    struct place place = {.length = size};
    struct error *err = reader->err;
    uint8_t *bytes = NULL;
    int file = -1;
    bool ok = false;

    if (!reader->folder)
        return fail(
            err, ERROR_UNSUPPORTED,
            "its data is in another file; save the model as a single file");
    if (!find_place(&place, tensor, err))
        return false;
    if (place.length != size)
        return fail(err, ERROR_INPUT,
                    "it has %llu bytes in \"%.100s\", but its shape needs %zu",
                    (unsigned long long)place.length, place.location, size);
    reader->num_external += size;
    if (reader->num_external > MAX_EXTERNAL_BYTES)
        return fail(err, ERROR_LIMIT,
                    "the external data is larger than %llu bytes",
                    (unsigned long long)MAX_EXTERNAL_BYTES);
    file = open_within(reader->folder, place.location);
    if (file < 0) {
        fail(err, ERROR_IO,
             "its data is in \"%.100s\", which cannot be opened in the model's "
             "folder",
             place.location);
        goto out;
    }
    if (!check_file(file, &place, err))
        goto out;
    bytes = malloc(size + 1);
    if (!bytes) {
        fail(err, ERROR_MEMORY, "not enough memory for %zu bytes", size);
        goto out;
    }
    if (!read_bytes(bytes, file, &place, err))
        goto out;
    free(tensor->raw_data.data);
    tensor->raw_data = (ProtobufCBinaryData){.len = size, .data = bytes};
    tensor->has_raw_data = true;
    bytes = NULL;
    ok = true;
out:
    free(bytes);
    if (file >= 0)
        close(file);
    return ok;
}
