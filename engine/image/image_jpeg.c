/* JPEG through TurboJPEG's tj* calls, which libjpeg-turbo 2.1 and 3 share.
 *
 * DESIGN: the library is handed a file only after our own walk over its
 * markers. The walk knows the size before memory is taken, names what is
 * unsupported, counts what the scans take (each is a pass over the whole
 * picture, however few bytes it has) and bounds the number of markers (the
 * library walks over them once more), and tells a file cut short from one with
 * harmless oddities: the library reports both as a warning, and of several
 * keeps the first only.
 *
 * A file that lacks its end, whatever comes in its place, is whole if its
 * pixels are. Then the library gets a copy, up to where the last scan's data
 * end, with an end: what it would say of the missing one is out of the way of
 * what it has to say of missing data. */

#include <string.h>
#include <turbojpeg.h>

#include "engine/base/buf.h"
#include "engine/base/bytes.h"
#include "engine/image/image_codec.h"
#include "engine/image/image_jpeg_notes.h"

enum {
    /* Encoders write some 10 scans, mozjpeg up to 17, most of them of one
     * channel, of which they code each sample 4 to 6 times. All scans together
     * may have so many samples for each pixel, and so many more. */
    MAX_SCANS = 100,
    MAX_SCANNED_TIMES = 24,
    MAX_SCANNED_MORE = 50000000,

    /* A segment may have 64 KB, so that of a profile of 16 MB takes 250. */
    MAX_SEGMENTS = 10000,

    MAX_CHANNELS = 4,
    NUM_COEFFICIENTS = 64, /* of a block */

    /* Bytes of a coefficient, and one for the time that it takes to get that
     * much memory. */
    KEPT_SAMPLE_LEN = 3,

    /* What four samples take in a scan, at most, besides what their bytes in
     * the file do: half of that where coefficients are not kept. */
    NS_SCANNED_4 = 3,

    /* So many bytes are not what they were made by chance. */
    MARK_LEN = 16,

    /* the second byte of a marker; the first is 0xff */
    MARKER_TEM = 0x01,
    MARKER_SOF0 = 0xc0, /* baseline */
    MARKER_SOF1 = 0xc1, /* extended */
    MARKER_SOF2 = 0xc2, /* progressive */
    MARKER_DHT = 0xc4,
    MARKER_JPG = 0xc8,
    MARKER_DAC = 0xcc,
    MARKER_SOF15 = 0xcf,
    MARKER_RST0 = 0xd0,
    MARKER_SOI = 0xd8,
    MARKER_EOI = 0xd9,
    MARKER_SOS = 0xda,
    MARKER_DRI = 0xdd,
    MARKER_DHP = 0xde, /* of several frames */
};

/* What the markers say. */
struct outline {
    uint32_t width, height;
    unsigned num_channels; /* 0 until the frame's header was seen */
    /* Of each channel, blocks up to the full MCU: */
    uint8_t names[MAX_CHANNELS];
    bool names_differ;
    uint64_t num_samples[MAX_CHANNELS];
    unsigned num_scans;
    uint64_t num_scanned;  /* samples, of all scans together */
    unsigned num_segments; /* and other markers outside scans */
    uint64_t num_restarts; /* within them */
    size_t scans_start;    /* bytes from the file's start to the first scan */
    size_t coded_len;      /* and from there to the end of the last */
    bool keeps_all;        /* coefficients, until the last scan */
    /* Of each channel: the bits of each coefficient that scans have left out so
     * far, and one more; 0: no scan has had it. */
    uint8_t left_out[MAX_CHANNELS][NUM_COEFFICIENTS];
    struct image_jpeg_notes notes;
    unsigned interval; /* MCUs from one restart to the next; 0: there is none */
    uint64_t num_mcus; /* of a scan of all channels */
    bool in_scan;      /* the next marker ends its data */
    size_t scan_end;   /* bytes from the file's start to the end of a scan */
    bool complete;     /* scans have had all coefficients */
    bool open;         /* the file's end is missing, or broken */
    struct error why;  /* what is wrong with it */
};

/* The process that a frame header's marker stands for, or NULL for those we
 * can decode. */
static const char *unsupported_process(unsigned marker)
{
    switch (marker) {
    case MARKER_SOF0:
    case MARKER_SOF1:
    case MARKER_SOF2:
        return NULL;
    case 0xc3:
        return "lossless";
    case 0xc5:
    case 0xc6:
    case 0xc7:
        return "hierarchical";
    case 0xc9:
    case 0xca:
        return "arithmetically coded";
    case 0xcb:
        return "lossless, arithmetically coded";
    default:
        return "hierarchical, arithmetically coded";
    }
}

static bool is_frame_header(unsigned marker)
{
    return marker >= MARKER_SOF0 && marker <= MARKER_SOF15 &&
           marker != MARKER_DHT && marker != MARKER_JPG && marker != MARKER_DAC;
}

static bool stands_alone(unsigned marker)
{
    return marker == MARKER_TEM ||
           (marker >= MARKER_RST0 && marker <= MARKER_SOI);
}

static bool fail_cut_short(struct error *err)
{
    return fail(err, ERROR_INPUT, "the JPEG is cut short");
}

/* Finds the next marker, over whatever comes before it: coded data, or bytes
 * that do not belong. 0xff 0x00 is data, further 0xff are padding. There may be
 * millions: without a call for each byte. */
static bool next_marker(struct bytes *file, unsigned *marker)
{
    const uint8_t *at = file->data, *end = file->data + file->len;

    while (at < end) {
        if (*at != 0xff)
            at = memchr(at, 0xff, (size_t)(end - at));
        if (!at)
            return false;
        while (at < end && *at == 0xff)
            at++;
        if (at < end && *at++ != 0) {
            *marker = at[-1];
            *file = (struct bytes){.data = at, .len = (size_t)(end - at)};
            return true;
        }
    }
    return false;
}

static uint64_t divide_up(uint32_t a, uint32_t b)
{
    return ((uint64_t)a + b - 1) / b;
}

/* `components` is what the frame header says of each channel: name, sampling,
 * table. */
static void count_samples(struct outline *outline, struct bytes components)
{
    unsigned across[MAX_CHANNELS] = {1, 1, 1, 1};
    unsigned down[MAX_CHANNELS] = {1, 1, 1, 1};
    unsigned max_across = 1, max_down = 1;

    outline->names_differ = true;
    for (unsigned i = 0; i < outline->num_channels; i++) {
        uint8_t sampling, table;

        if (!bytes_u8(&components, &outline->names[i]) ||
            !bytes_u8(&components, &sampling) || !bytes_u8(&components, &table))
            break; /* the library will find out */
        if (memchr(outline->names, outline->names[i], i))
            outline->names_differ = false;
        across[i] = sampling >> 4;
        down[i] = sampling & 15;
        max_across = across[i] > max_across ? across[i] : max_across;
        max_down = down[i] > max_down ? down[i] : max_down;
    }
    const uint64_t mcus = (uint64_t)(outline->width / (8 * max_across) + 1) *
                          (outline->height / (8 * max_down) + 1);
    for (unsigned i = 0; i < outline->num_channels; i++)
        outline->num_samples[i] = mcus * across[i] * down[i] * 64;
    if (outline->num_channels == 1)
        max_across = max_down = 1;
    outline->num_mcus = divide_up(outline->width, 8 * max_across) *
                        divide_up(outline->height, 8 * max_down);
}

static uint64_t all_samples(const struct outline *outline)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < outline->num_channels; i++)
        sum += outline->num_samples[i];
    return sum;
}

/* Those of a channel, or all: where channels have the same name the library
 * gives them others. */
static uint64_t samples_named(const struct outline *outline, uint8_t name)
{
    if (outline->names_differ)
        for (unsigned i = 0; i < outline->num_channels; i++)
            if (outline->names[i] == name)
                return outline->num_samples[i];
    return all_samples(outline);
}

static bool read_frame_header(struct outline *outline,
                              const struct image_codec_job *job,
                              struct bytes segment, unsigned marker,
                              struct error *err)
{
    const char *process = unsupported_process(marker);
    uint8_t precision, num_channels;
    uint16_t width, height;

    if (process)
        return fail(err, ERROR_UNSUPPORTED, "the JPEG is %s", process);
    if (!bytes_u8(&segment, &precision) || !bytes_u16be(&segment, &height) ||
        !bytes_u16be(&segment, &width) || !bytes_u8(&segment, &num_channels))
        return fail(err, ERROR_INPUT, "the JPEG's frame header is too short");
    if (precision != 8)
        return fail(err, ERROR_UNSUPPORTED,
                    "the JPEG has %u bits per sample; only 8 are supported",
                    precision);
    if (num_channels != 1 && num_channels != 3 && num_channels != 4)
        return fail(err, ERROR_UNSUPPORTED,
                    "the JPEG has %u channels; only 1, 3 and 4 are supported",
                    num_channels);
    if (outline->num_channels)
        return fail(err, ERROR_INPUT, "the JPEG has two frame headers");
    outline->width = width;
    outline->height = height;
    outline->num_channels = num_channels;
    outline->keeps_all = marker == MARKER_SOF2;
    count_samples(outline, segment);
    return image_codec_check(job, width, height, err);
}

/* `range` is the end of a scan's header: the first coefficient, the last, and
 * the bits that the scans before have left out, and this one. */
static void note_coefficients(struct outline *outline, struct bytes channels,
                              struct bytes range)
{
    uint8_t name, tables, first, last, bits;

    if (!bytes_u8(&range, &first) || !bytes_u8(&range, &last) ||
        !bytes_u8(&range, &bits))
        return;
    while (bytes_u8(&channels, &name) && bytes_u8(&channels, &tables))
        for (unsigned c = 0; c < outline->num_channels; c++)
            for (unsigned i = first; i <= last && i < NUM_COEFFICIENTS; i++)
                if (outline->names[c] == name)
                    outline->left_out[c][i] = (bits & 15) + 1;
}

/* Whether the scans have had everything: a picture in several of which the
 * last are missing looks whole, and is blurred. */
static bool has_all_coefficients(const struct outline *outline)
{
    for (unsigned c = 0; c < outline->num_channels; c++)
        for (unsigned i = 0; i < NUM_COEFFICIENTS; i++)
            if (outline->left_out[c][i] != 1)
                return false;
    return true;
}

/* `header` is the scan's: how many channels, then each one's name and tables,
 * and more. The library keeps the coefficients of all scans if the first has
 * not all channels, or they are progressive. */
static bool count_scan(struct outline *outline, struct bytes header,
                       struct error *err)
{
    const uint64_t num_pixels = (uint64_t)outline->width * outline->height;
    uint8_t count, name, tables;

    if (!outline->num_channels)
        return fail(err, ERROR_INPUT,
                    "the JPEG has data before its frame header");
    if (++outline->num_scans > MAX_SCANS)
        return error_limit(err, MAX_SCANS, "the JPEG has more than %d scans",
                           MAX_SCANS);
    if (!bytes_u8(&header, &count))
        return fail(err, ERROR_INPUT, "the JPEG has a scan without a header");
    if (count < outline->num_channels && outline->num_scans == 1)
        outline->keeps_all = true;
    struct bytes channels = header;
    while (count-- > 0 && bytes_u8(&header, &name) &&
           bytes_u8(&header, &tables))
        outline->num_scanned += samples_named(outline, name);
    channels.len -= header.len;
    note_coefficients(outline, channels, header);
    if (outline->num_scanned >
        MAX_SCANNED_TIMES * num_pixels + MAX_SCANNED_MORE)
        return error_limit(
            err, outline->num_scans - 1,
            "the JPEG has more than %u scans, too many for its size",
            outline->num_scans - 1);
    return true;
}

static bool read_segment(struct outline *outline,
                         const struct image_codec_job *job,
                         struct bytes segment, unsigned marker,
                         struct error *err)
{
    if (marker == MARKER_DHP && !outline->num_scans)
        return fail(err, ERROR_UNSUPPORTED, "the JPEG is hierarchical");
    if (is_frame_header(marker) && outline->num_scans > 0)
        return fail(err, ERROR_INPUT, "the JPEG has two frame headers");
    if (is_frame_header(marker))
        return read_frame_header(outline, job, segment, marker, err);
    if (marker == MARKER_SOS)
        return count_scan(outline, segment, err);
    if (marker == MARKER_DRI && segment.len >= 2)
        outline->interval = (unsigned)segment.data[0] << 8 | segment.data[1];
    if (!outline->num_scans)
        image_jpeg_notes_take(&outline->notes, marker, segment);
    return true;
}

/* Bounds what comes besides pixels. A scan has a restart for each 8 x 8 pixels
 * at most. */
static bool count_marker(struct outline *outline, unsigned marker,
                         struct error *err)
{
    const uint64_t blocks =
        (uint64_t)(outline->width / 8 + 1) * (outline->height / 8 + 1);

    if (marker >= MARKER_RST0 && marker < MARKER_SOI && outline->num_scans > 0)
        outline->num_restarts++;
    else
        outline->num_segments++;
    if (outline->num_segments > MAX_SEGMENTS)
        return error_limit(err, MAX_SEGMENTS,
                           "the JPEG has more than %d segments", MAX_SEGMENTS);
    if (outline->num_restarts > blocks * outline->num_scans)
        return error_limit(err, blocks * outline->num_scans,
                           "the JPEG has more restart markers than blocks");
    return true;
}

/* Notes where a scan's data end: before `file`, which is after a marker that
 * is not one of theirs, or at the end. What comes when the picture is complete
 * is not its own, though it may look like another scan. */
static void end_scan(struct outline *outline, const struct bytes *whole,
                     const struct bytes *file, size_t marker_len)
{
    if (outline->in_scan && !outline->complete) {
        outline->scan_end = whole->len - file->len - marker_len;
        outline->complete = has_all_coefficients(outline);
    }
    outline->in_scan = false;
}

/* Walks over the markers up to the one that ends the picture. */
static bool walk(struct outline *outline, const struct image_codec_job *job,
                 const struct bytes *whole, struct error *err)
{
    struct bytes file = *whole;

    for (;;) {
        struct bytes segment;
        unsigned marker;
        uint16_t len;

        if (!next_marker(&file, &marker)) {
            end_scan(outline, whole, &(struct bytes){0}, 0);
            return fail_cut_short(err);
        }
        if (marker < MARKER_RST0 || marker >= MARKER_SOI)
            end_scan(outline, whole, &file, 2);
        if (marker == MARKER_EOI)
            break;
        if (marker == MARKER_SOI && outline->num_scans > 0)
            return fail_cut_short(err); /* it is another picture's */
        if (marker == MARKER_SOS && !outline->num_scans)
            outline->scans_start = whole->len - file.len;
        if (!count_marker(outline, marker, err))
            return false;
        if (stands_alone(marker))
            continue;
        if (!bytes_u16be(&file, &len))
            return fail_cut_short(err);
        if (len < 2)
            return fail(err, ERROR_INPUT,
                        "the JPEG has a segment with an invalid length");
        if (!bytes_take(&file, &segment, len - 2u))
            return fail_cut_short(err);
        if (!read_segment(outline, job, segment, marker, err))
            return false;
        outline->in_scan = marker == MARKER_SOS;
    }
    if (!outline->num_scans)
        return fail(err, ERROR_INPUT, "the JPEG contains no image");
    return true;
}

/* Zeros after the last scan, that a file was filled up with, are not its data:
 * but the last of them may be. */
static size_t without_zeros(const struct bytes *file, size_t len)
{
    while (len > 1 && file->data[len - 1] == 0 && file->data[len - 2] == 0)
        len--;
    return len;
}

static bool read_outline(struct outline *outline,
                         const struct image_codec_job *job, struct bytes file,
                         struct error *err)
{
    if (walk(outline, job, &file, &outline->why)) {
        outline->coded_len = outline->scan_end - outline->scans_start;
        return true;
    }
    outline->open = outline->why.kind == ERROR_INPUT && outline->complete;
    if (!outline->open) {
        if (err)
            *err = outline->why;
        return false;
    }
    outline->scan_end = without_zeros(&file, outline->scan_end);
    outline->coded_len = outline->scan_end - outline->scans_start;
    return true;
}

/* A row begins with what no picture has by chance: one of two marks, which
 * differ everywhere. */
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
    uint8_t *row = job->raw + (job->height - 1) * image_codec_row_len(job);

    for (size_t i = 0; i < mark_len(job); i++)
        row[i] = mark_at(i, attempt);
}

static bool last_row_is_marked(const struct image_codec_job *job, int attempt)
{
    const uint8_t *row =
        job->raw + (job->height - 1) * image_codec_row_len(job);

    for (size_t i = 0; i < mark_len(job); i++)
        if (row[i] != mark_at(i, attempt))
            return false;
    return true;
}

/* Decodes all rows, or fails.
 *
 * Warnings are about odd bytes around or damage within the coded data: the
 * picture is there, as far as it goes, and other programs show it too. But
 * once the library has warned it calls a fatal error a warning as well, and
 * leaves the rows unwritten: what was in that memory, perhaps another client's
 * picture. Rows are written in order, so the last one tells: it is marked
 * before, and if it still is as it was marked afterwards, it was not written.
 * A row of a few pixels may happen to look so; then another mark decides. */
static bool decode_rows(struct image_codec_job *job, tjhandle handle,
                        const uint8_t *bytes, size_t len, bool is_cmyk,
                        bool *warned, struct error *err)
{
    const size_t row_len = image_codec_row_len(job);
    const int num_attempts = row_len < MARK_LEN ? 2 : 1;

    *warned = false;
    for (int i = 0; i < num_attempts; i++) {
        mark_last_row(job, i);
        if (tjDecompress2(handle, bytes, (unsigned long)len, job->raw,
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

/* Whether all restarts of a single scan are there, or none has to be. */
static bool has_all_restarts(const struct outline *outline)
{
    return outline->interval == 0 ||
           (outline->num_scans == 1 &&
            outline->num_restarts >=
                (outline->num_mcus - 1) / outline->interval);
}

/* Whether the library has found nothing amiss but bytes after the last scan's
 * data: at the end, or at what looks like a restart among them. It says the
 * same of bytes before a restart that is missing. */
static bool only_warns_of_the_end(tjhandle handle,
                                  const struct outline *outline)
{
    static const char text[] = "extraneous bytes before marker 0xd";
    const char *warning = strstr(tjGetErrorStr2(handle), text);

    if (!warning || !has_all_restarts(outline))
        return false;
    warning += sizeof text - 1;
    return *warning == '9' || (*warning >= '0' && *warning <= '7');
}

/* Decodes a file that has no end: whatever else is wrong, it is cut short. */
static bool decode_open(struct image_codec_job *job, tjhandle handle,
                        const struct outline *outline, const uint8_t *bytes,
                        bool is_cmyk, struct error *err)
{
    static const uint8_t end[] = {0xff, MARKER_EOI};
    struct error why = {0};
    struct buf closed = {0};
    bool warned, ok = false;

    if (!buf_reserve(&closed, outline->scan_end + sizeof end, err) ||
        !buf_append(&closed, bytes, outline->scan_end, err) ||
        !buf_append(&closed, end, sizeof end, err))
        goto out;
    ok = decode_rows(job, handle, closed.data, closed.len, is_cmyk, &warned,
                     &why);
    if (why.kind == ERROR_MEMORY) {
        fail(err, ERROR_MEMORY, "%s", why.text);
    } else if (!ok || (warned && !only_warns_of_the_end(handle, outline))) {
        fail(err, ERROR_INPUT, "%s", outline->why.text);
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
    struct outline outline = {0};
    tjhandle handle = NULL;
    bool warned, ok = false;

    if (!read_outline(&outline, job, file, err))
        return false;
    const bool is_cmyk = outline.num_channels == 4;
    const unsigned orientation = image_jpeg_notes_orientation(&outline.notes);
    job->coded_len = outline.coded_len;
    job->held = outline.keeps_all ? KEPT_SAMPLE_LEN * all_samples(&outline) : 0;
    if (outline.open)
        job->held += outline.scan_end;
    job->grey = outline.num_channels == 1;
    if (!image_jpeg_notes_profile(&job->profile, &job->profile_room,
                                  &outline.notes, err))
        return false;
    if (!image_codec_allow_time(job, (uint64_t)outline.width * outline.height,
                                NS_SCANNED_4 * outline.num_scanned / 4, err) ||
        !image_codec_begin(job, outline.width, outline.height,
                           is_cmyk ? IMAGE_CODEC_CMYK_INVERTED
                                   : IMAGE_CODEC_RGB,
                           orientation, err))
        return false;

    handle = tjInitDecompress();
    if (!handle) {
        fail(err, ERROR_MEMORY, "not enough memory to decode the JPEG");
        goto out;
    }
    ok = outline.open
             ? decode_open(job, handle, &outline, bytes, is_cmyk, err)
             : decode_rows(job, handle, bytes, len, is_cmyk, &warned, err);
out:
    if (handle)
        tjDestroy(handle);
    return ok;
}
