#include "engine/image/unpack.h"

#define ZLIB_CONST /* next_in points to const data */

#include <limits.h>
#include <zlib.h>

enum { FIRST_CAP = 8192 /* bytes; doubled when it is too little */ };

/* Inflates into the memory that there is, and adds more up to the limit. */
static int unpack_all(z_stream *stream, struct buf *out, size_t max,
                      struct error *err)
{
    const size_t start = out->len;
    int result = Z_OK;

    while (result == Z_OK) {
        const size_t done = out->len - start;
        size_t more = done == 0 ? FIRST_CAP : done;

        if (more > max - done)
            more = max - done;
        if (more == 0)
            return Z_BUF_ERROR;
        if (!buf_reserve(out, more, err))
            return Z_MEM_ERROR;
        stream->next_out = out->data + out->len;
        stream->avail_out = (uInt)more;
        result = inflate(stream, Z_NO_FLUSH);
        out->len += more - stream->avail_out;
        if (result == Z_OK && stream->avail_out > 0)
            return Z_BUF_ERROR; /* the limit is reached */
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
        return fail(err, ERROR_MEMORY, "not enough memory to inflate");
    if (result != Z_STREAM_END)
        out->len = start;
    return true;
}
