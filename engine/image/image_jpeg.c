/* JPEG through TurboJPEG's tj* calls, which libjpeg-turbo 2.1 and 3 share.
 *
 * DESIGN: our own code reads the markers of a file before the library gets it.
 * It finds the size before memory is allocated, names unsupported features,
 * bounds the cost of the scans (each is a pass over the whole image, however
 * few bytes it has) and the number of markers (which the library reads again),
 * and distinguishes truncated files from harmless irregularities: the library
 * reports both as warnings, and keeps only the first of several.
 *
 * A file without an end marker, whatever comes instead, is accepted if its
 * pixels are complete. The library then gets a copy up to the end of the last
 * scan's data, with an end marker added, so that a warning about the marker
 * cannot hide one about missing data. */

#include <string.h>
#include <turbojpeg.h>

#include "engine/base/buf.h"
#include "engine/image/image_codec.h"
#include "engine/image/image_jpeg_markers.h"

enum {
    /* Bytes of a coefficient, plus one for the time that the allocation takes.
     */
    KEPT_SAMPLE_LEN = 3,

    /* The maximum time for four samples in a scan, besides the time for their
     * bytes in the file: half of it if coefficients are not kept. */
    NS_SCANNED_4 = 3,

    /* This many bytes do not match by chance. */
    MARK_LEN = 16,
};

/* Marks a row with one of two patterns that no image has by chance. They differ
 * in every byte. */
static size_t mark_len(const struct image_codec_job *job)
{
    const size_t len = image_codec_row_len(job);

    return len < MARK_LEN ? len : MARK_LEN;
}

static uint8_t mark_at(size_t i, int attempt)
{
    const unsigned mixed = (unsigned)i * 2654435761u >> 24;

    return (uint8_t)(attempt ? ~mixed : mixed);
}

static void mark_last_row(const struct image_codec_job *job, int attempt)
{
    uint8_t *row = job->samples + (job->height - 1) * image_codec_row_len(job);

    for (size_t i = 0; i < mark_len(job); i++)
        row[i] = mark_at(i, attempt);
}

static bool last_row_is_marked(const struct image_codec_job *job, int attempt)
{
    const uint8_t *row =
        job->samples + (job->height - 1) * image_codec_row_len(job);

    for (size_t i = 0; i < mark_len(job); i++)
        if (row[i] != mark_at(i, attempt))
            return false;
    return true;
}

/* Decodes all rows or fails.
 *
 * Warnings concern irregular bytes around the coded data or damage in it: the
 * image is decoded as far as possible, and other programs show it too. But
 * after a warning the library also reports a fatal error as a warning, and
 * leaves the remaining rows unwritten. That memory may hold another client's
 * image. Rows are written in order, so the last row is marked before decoding;
 * if the mark is unchanged afterwards, the row was not written. A row of a few
 * pixels may equal the mark by chance; a second decoding with another mark then
 * decides. */
static bool decode_rows(struct image_codec_job *job, tjhandle handle,
                        const uint8_t *bytes, size_t len, bool is_cmyk,
                        bool *warned, struct error *err)
{
    const size_t row_len = image_codec_row_len(job);
    const int num_attempts = row_len < MARK_LEN ? 2 : 1;

    *warned = false;
    for (int i = 0; i < num_attempts; i++) {
        mark_last_row(job, i);
        if (tjDecompress2(handle, bytes, (unsigned long)len, job->samples,
                          (int)job->width, (int)row_len, (int)job->height,
                          is_cmyk ? TJPF_CMYK : TJPF_RGB,
                          TJFLAG_ACCURATEDCT) == 0)
            return true;
        *warned = true;
        if (tjGetErrorCode(handle) != TJERR_WARNING)
            break;
        if (!last_row_is_marked(job, i))
            return true;
    }
    if (strstr(tjGetErrorStr2(handle), "nsufficient memory") ||
        strstr(tjGetErrorStr2(handle), "allocation failure"))
        return fail(err, ERROR_MEMORY, "not enough memory to decode the JPEG");
    return fail(err, ERROR_INPUT, "the JPEG is broken (%s)",
                tjGetErrorStr2(handle));
}

/* Whether the library's only complaint is about bytes after the last scan's
 * data: at the end, or at an apparent restart among them. It has the same
 * message for bytes before a missing restart. */
static bool only_warns_of_the_end(tjhandle handle,
                                  const struct image_jpeg_markers *markers)
{
    static const char text[] = "extraneous bytes before marker 0xd";
    const char *warning = strstr(tjGetErrorStr2(handle), text);

    if (!warning || !image_jpeg_markers_has_restarts(markers))
        return false;
    warning += sizeof text - 1;
    return *warning == '9' || (*warning >= '0' && *warning <= '7');
}

/* Decodes a file without an end marker; reports any failure as a truncated
 * file. */
static bool decode_open(struct image_codec_job *job, tjhandle handle,
                        const struct image_jpeg_markers *markers,
                        const uint8_t *bytes, bool is_cmyk, struct error *err)
{
    static const uint8_t end[] = {0xff, 0xd9}; /* EOI */
    struct error why = {0};
    struct buf closed = {0};
    bool warned, ok = false;

    if (!buf_reserve(&closed, markers->scan_end + sizeof end, err) ||
        !buf_append(&closed, bytes, markers->scan_end, err) ||
        !buf_append(&closed, end, sizeof end, err))
        goto out;
    ok = decode_rows(job, handle, closed.data, closed.len, is_cmyk, &warned,
                     &why);
    if (why.kind == ERROR_MEMORY) {
        fail(err, ERROR_MEMORY, "%s", why.text);
    } else if (!ok || (warned && !only_warns_of_the_end(handle, markers))) {
        fail(err, ERROR_INPUT, "%s", markers->why.text);
        ok = false;
    }
out:
    buf_release(&closed);
    return ok;
}

bool image_jpeg_decode(struct image_codec_job *job, const uint8_t *bytes,
                       size_t len, struct error *err)
{
    const struct bytes file = {.data = bytes, .len = len};
    struct image_jpeg_markers markers = {0};
    tjhandle handle = NULL;
    bool warned, ok = false;

    if (!image_jpeg_markers_read(&markers, job, file, err))
        return false;
    const bool is_cmyk = markers.num_channels == 4;
    const unsigned orientation = image_jpeg_notes_orientation(&markers.notes);
    job->coded_len = markers.coded_len;
    job->held = markers.keeps_all
                    ? KEPT_SAMPLE_LEN * image_jpeg_markers_samples(&markers)
                    : 0;
    if (markers.open)
        job->held += markers.scan_end;
    job->grey = markers.num_channels == 1;
    if (!image_jpeg_notes_profile(&job->profile, &job->profile_storage,
                                  &markers.notes, err))
        return false;
    if (!image_codec_allow_time(job, (uint64_t)markers.width * markers.height,
                                NS_SCANNED_4 * markers.num_scanned / 4, err) ||
        !image_codec_begin(job, markers.width, markers.height,
                           is_cmyk ? IMAGE_CODEC_CMYK_INVERTED
                                   : IMAGE_CODEC_RGB,
                           orientation, err))
        return false;

    handle = tjInitDecompress();
    if (!handle) {
        fail(err, ERROR_MEMORY, "not enough memory to decode the JPEG");
        goto out;
    }
    ok = markers.open
             ? decode_open(job, handle, &markers, bytes, is_cmyk, err)
             : decode_rows(job, handle, bytes, len, is_cmyk, &warned, err);
out:
    if (handle)
        tjDestroy(handle);
    return ok;
}
