#include "engine/image/image_jpeg_markers.h"

#include <string.h>

#include "engine/base/bytes.h"

enum {
    /* Encoders write about 10 scans, mozjpeg up to 17. Most contain one
     * channel, and code each sample 4 to 6 times. The limit for all scans
     * together is a number of samples per pixel, plus a constant. */
    MAX_SCANS = 100,
    MAX_SCANNED_TIMES = 24,
    MAX_SCANNED_MORE = 50000000,

    /* A segment has at most 64 KB, so a profile of 16 MB needs 250. */
    MAX_SEGMENTS = 10000,

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
    MARKER_DHP = 0xde, /* with several frames */
};

/* The name of an unsupported coding process, or NULL if it is supported. */
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

/* Finds the next marker and skips the bytes before it, which may be coded data
 * or garbage. 0xff 0x00 is data; repeated 0xff are padding. There may be
 * millions of bytes, so there is no function call for each. */
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

/* `components` is the frame header's description of each channel: name,
 * sampling, table. */
static void count_samples(struct image_jpeg_markers *markers,
                          struct bytes components)
{
    unsigned across[IMAGE_JPEG_MAX_CHANNELS] = {1, 1, 1, 1};
    unsigned down[IMAGE_JPEG_MAX_CHANNELS] = {1, 1, 1, 1};
    unsigned max_across = 1, max_down = 1;

    markers->names_differ = true;
    for (unsigned i = 0; i < markers->num_channels; i++) {
        uint8_t sampling, table;

        if (!bytes_u8(&components, &markers->names[i]) ||
            !bytes_u8(&components, &sampling) || !bytes_u8(&components, &table))
            break; /* the library reports it */
        if (memchr(markers->names, markers->names[i], i))
            markers->names_differ = false;
        across[i] = sampling >> 4;
        down[i] = sampling & 15;
        max_across = across[i] > max_across ? across[i] : max_across;
        max_down = down[i] > max_down ? down[i] : max_down;
    }
    const uint64_t mcus = (uint64_t)(markers->width / (8 * max_across) + 1) *
                          (markers->height / (8 * max_down) + 1);
    for (unsigned i = 0; i < markers->num_channels; i++)
        markers->num_samples[i] = mcus * across[i] * down[i] * 64;
    if (markers->num_channels == 1)
        max_across = max_down = 1;
    markers->num_mcus = divide_up(markers->width, 8 * max_across) *
                        divide_up(markers->height, 8 * max_down);
}

uint64_t image_jpeg_markers_samples(const struct image_jpeg_markers *markers)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < markers->num_channels; i++)
        sum += markers->num_samples[i];
    return sum;
}

/* The channels with a name, or all: if several channels have the same name, the
 * library renames them. */
static uint64_t samples_named(const struct image_jpeg_markers *markers,
                              uint8_t name)
{
    if (markers->names_differ)
        for (unsigned i = 0; i < markers->num_channels; i++)
            if (markers->names[i] == name)
                return markers->num_samples[i];
    return image_jpeg_markers_samples(markers);
}

static bool read_frame_header(struct image_jpeg_markers *markers,
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
    if (markers->num_channels)
        return fail(err, ERROR_INPUT, "the JPEG has two frame headers");
    markers->width = width;
    markers->height = height;
    markers->num_channels = num_channels;
    markers->keeps_all = marker == MARKER_SOF2;
    count_samples(markers, segment);
    return image_codec_check(job, width, height, err);
}

/* `range` is the end of a scan header: the first and last coefficient, and the
 * numbers of low bits left out by earlier scans and by this one. */
static void note_coefficients(struct image_jpeg_markers *markers,
                              struct bytes channels, struct bytes range)
{
    uint8_t name, tables, first, last, bits;

    if (!bytes_u8(&range, &first) || !bytes_u8(&range, &last) ||
        !bytes_u8(&range, &bits))
        return;
    while (bytes_u8(&channels, &name) && bytes_u8(&channels, &tables))
        for (unsigned c = 0; c < markers->num_channels; c++)
            for (unsigned i = first; i <= last && i < IMAGE_JPEG_COEFFICIENTS;
                 i++)
                if (markers->names[c] == name)
                    markers->left_out[c][i] = (bits & 15) + 1;
}

/* Whether the scans are complete. Without the last scans an image looks
 * complete, but is blurred. */
static bool has_all_coefficients(const struct image_jpeg_markers *markers)
{
    for (unsigned c = 0; c < markers->num_channels; c++)
        for (unsigned i = 0; i < IMAGE_JPEG_COEFFICIENTS; i++)
            if (markers->left_out[c][i] != 1)
                return false;
    return true;
}

/* `header` is the scan header: the number of channels, then the name and tables
 * of each, and more. The library keeps the coefficients of all scans if the
 * first one lacks channels or if they are progressive. */
static bool count_scan(struct image_jpeg_markers *markers, struct bytes header,
                       struct error *err)
{
    const uint64_t num_pixels = (uint64_t)markers->width * markers->height;
    uint8_t count, name, tables;

    if (!markers->num_channels)
        return fail(err, ERROR_INPUT,
                    "the JPEG has data before its frame header");
    if (++markers->num_scans > MAX_SCANS)
        return error_limit(err, MAX_SCANS, "the JPEG has more than %d scans",
                           MAX_SCANS);
    if (!bytes_u8(&header, &count))
        return fail(err, ERROR_INPUT, "the JPEG has a scan without a header");
    if (count < markers->num_channels && markers->num_scans == 1)
        markers->keeps_all = true;
    struct bytes channels = header;
    while (count-- > 0 && bytes_u8(&header, &name) &&
           bytes_u8(&header, &tables))
        markers->num_scanned += samples_named(markers, name);
    channels.len -= header.len;
    note_coefficients(markers, channels, header);
    if (markers->num_scanned >
        MAX_SCANNED_TIMES * num_pixels + MAX_SCANNED_MORE)
        return error_limit(
            err, markers->num_scans - 1,
            "the JPEG has more than %u scans, too many for its size",
            markers->num_scans - 1);
    return true;
}

static bool read_segment(struct image_jpeg_markers *markers,
                         const struct image_codec_job *job,
                         struct bytes segment, unsigned marker,
                         struct error *err)
{
    if (marker == MARKER_DHP && !markers->num_scans)
        return fail(err, ERROR_UNSUPPORTED, "the JPEG is hierarchical");
    if (is_frame_header(marker) && markers->num_scans > 0)
        return fail(err, ERROR_INPUT, "the JPEG has two frame headers");
    if (is_frame_header(marker))
        return read_frame_header(markers, job, segment, marker, err);
    if (marker == MARKER_SOS)
        return count_scan(markers, segment, err);
    if (marker == MARKER_DRI && segment.len >= 2)
        markers->interval = (unsigned)segment.data[0] << 8 | segment.data[1];
    if (!markers->num_scans)
        image_jpeg_notes_take(&markers->notes, marker, segment);
    return true;
}

/* Limits segments and restarts. A scan has at most one restart for each 8 x 8
 * pixels. */
static bool count_marker(struct image_jpeg_markers *markers, unsigned marker,
                         struct error *err)
{
    const uint64_t blocks =
        (uint64_t)(markers->width / 8 + 1) * (markers->height / 8 + 1);

    if (marker >= MARKER_RST0 && marker < MARKER_SOI && markers->num_scans > 0)
        markers->num_restarts++;
    else
        markers->num_segments++;
    if (markers->num_segments > MAX_SEGMENTS)
        return error_limit(err, MAX_SEGMENTS,
                           "the JPEG has more than %d segments", MAX_SEGMENTS);
    if (markers->num_restarts > blocks * markers->num_scans)
        return error_limit(err, blocks * markers->num_scans,
                           "the JPEG has more restart markers than blocks");
    return true;
}

/* Records the end of a scan's data: before `file`, which is after the next
 * marker outside the data, or at the end. Data after the image is complete do
 * not belong to it, even if they look like another scan. */
static void end_scan(struct image_jpeg_markers *markers,
                     const struct bytes *whole, const struct bytes *file,
                     size_t marker_len)
{
    if (markers->in_scan && !markers->complete) {
        markers->scan_end = whole->len - file->len - marker_len;
        markers->complete = has_all_coefficients(markers);
    }
    markers->in_scan = false;
}

/* Reads the markers up to the end of the image. */
static bool walk(struct image_jpeg_markers *markers,
                 const struct image_codec_job *job, const struct bytes *whole,
                 struct error *err)
{
    struct bytes file = *whole;

    for (;;) {
        struct bytes segment;
        unsigned marker;
        uint16_t len;

        if (!next_marker(&file, &marker)) {
            end_scan(markers, whole, &(struct bytes){0}, 0);
            return fail_cut_short(err);
        }
        if (marker < MARKER_RST0 || marker >= MARKER_SOI)
            end_scan(markers, whole, &file, 2);
        if (marker == MARKER_EOI)
            break;
        if (marker == MARKER_SOI && markers->num_scans > 0)
            return fail_cut_short(err); /* it belongs to another image */
        if (marker == MARKER_SOS && !markers->num_scans)
            markers->scans_start = whole->len - file.len;
        if (!count_marker(markers, marker, err))
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
        if (!read_segment(markers, job, segment, marker, err))
            return false;
        markers->in_scan = marker == MARKER_SOS;
    }
    if (!markers->num_scans)
        return fail(err, ERROR_INPUT, "the JPEG contains no image");
    return true;
}

/* Zeros that pad the file after the last scan are not its data, but one of them
 * may be. */
static size_t without_zeros(const struct bytes *file, size_t len)
{
    while (len > 1 && file->data[len - 1] == 0 && file->data[len - 2] == 0)
        len--;
    return len;
}

bool image_jpeg_markers_read(struct image_jpeg_markers *markers,
                             const struct image_codec_job *job,
                             struct bytes file, struct error *err)
{
    if (walk(markers, job, &file, &markers->why)) {
        markers->coded_len = markers->scan_end - markers->scans_start;
        return true;
    }
    markers->open = markers->why.kind == ERROR_INPUT && markers->complete;
    if (!markers->open) {
        if (err)
            *err = markers->why;
        return false;
    }
    markers->scan_end = without_zeros(&file, markers->scan_end);
    markers->coded_len = markers->scan_end - markers->scans_start;
    return true;
}

bool image_jpeg_markers_has_restarts(const struct image_jpeg_markers *markers)
{
    return markers->interval == 0 ||
           (markers->num_scans == 1 &&
            markers->num_restarts >=
                (markers->num_mcus - 1) / markers->interval);
}
