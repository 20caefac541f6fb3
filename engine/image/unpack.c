#include "engine/image/unpack.h"

#define ZLIB_CONST /* next_in points to what is not written */

#include <limits.h>
#include <zlib.h>

enum { FIRST_ROOM = 8192 /* bytes; it doubles where that is too little */ };

/* Unpacks to the room that there is, and makes more while that is allowed. */
static int unpack_all(z_stream *stream, struct buf *out, size_t max,
                      struct error *err)
{
    const size_t start = out->len;
    int result = Z_OK;

    while (result == Z_OK) {
        const size_t done = out->len - start;
        size_t room = done == 0 ? FIRST_ROOM : done;

        if (room > max - done)
            room = max - done;
        if (room == 0)
            return Z_BUF_ERROR;
        if (!buf_reserve(out, room, err))
            return Z_MEM_ERROR;
        stream->next_out = out->data + out->len;
        stream->avail_out = (uInt)room;
        result = inflate(stream, Z_NO_FLUSH);
        out->len += room - stream->avail_out;
        if (result == Z_OK && stream->avail_out > 0)
            return Z_BUF_ERROR; /* there is no more */
    }
    return result;
}

bool unpack_zlib(struct buf *out, struct bytes packed, size_t max,
                 struct error *err)
{
    const size_t start = out->len;
    z_stream stream = {0};
    int result;

    if (packed.len > UINT_MAX || max > UINT_MAX)
        return true;
    stream.next_in = packed.data;
    stream.avail_in = (uInt)packed.len;
    result = inflateInit(&stream);
    if (result == Z_OK) {
        result = unpack_all(&stream, out, max, err);
        (void)inflateEnd(&stream);
    }
    if (result == Z_MEM_ERROR)
        return fail(err, ERROR_MEMORY, "no memory to unpack with");
    if (result != Z_STREAM_END)
        out->len = start;
    return true;
}
