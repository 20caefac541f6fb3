#include "engine/image/image_name.h"

#include <string.h>

enum {
    FTYP_LEN = 8, /* bytes before the brand of an ISO media file */
    BRAND_LEN = 4,
    TEXT_LEN = 1024, /* bytes of a text that are searched for a tag */
};

/* Magic numbers at an `offset`; the first match counts. */
static const struct mark {
    const char *name;
    uint16_t offset;
    uint8_t len;
    const char *bytes;
} marks[] = {
    {"a GIF image", 0, 6, "GIF87a"},
    {"a GIF image", 0, 6, "GIF89a"},
    {"a TIFF image", 0, 4, "II*\0"},
    {"a TIFF image", 0, 4, "MM\0*"},
    {"a TIFF image", 0, 4, "II+\0"},
    {"a TIFF image", 0, 4, "MM\0+"},
    {"a JPEG XL image", 0, 2, "\xff\x0a"},
    {"a JPEG XL image", 0, 12, "\0\0\0\x0cJXL \r\n\x87\n"},
    {"a JPEG 2000 image", 0, 12, "\0\0\0\x0cjP  \r\n\x87\n"},
    {"a JPEG 2000 image", 0, 4, "\xff\x4f\xff\x51"},
    {"a JPEG XR image", 0, 3, "II\xbc"},
    {"a Photoshop file (PSD)", 0, 4, "8BPS"},
    {"a GIMP file (XCF)", 0, 9, "gimp xcf "},
    {"a PDF", 0, 5, "%PDF-"},
    {"a PostScript file", 0, 4, "%!PS"},
    {"a PostScript file", 0, 4, "\xc5\xd0\xd3\xc6"},
    {"an icon (ICNS)", 0, 4, "icns"},
    {"an OpenEXR image", 0, 4, "\x76\x2f\x31\x01"},
    {"a Radiance HDR image", 0, 10, "#?RADIANCE"},
    {"a DDS image", 0, 4, "DDS "},
    {"a QOI image", 0, 4, "qoif"},
    {"an MNG animation", 0, 8, "\x8aMNG\r\n\x1a\n"},
    {"a JNG image", 0, 8, "\x8bJNG\r\n\x1a\n"},
    {"a BPG image", 0, 4, "BPG\xfb"},
    {"a raw image (RAF)", 0, 8, "FUJIFILM"},
    {"a raw image (RW2)", 0, 4, "IIU\0"},
    {"a raw image (ORF)", 0, 4, "IIRO"},
    {"a raw image (ORF)", 0, 4, "IIRS"},
    {"a DICOM file", 128, 4, "DICM"},
    {"an AVI video", 8, 4, "AVI "},
    {"a WAV file", 8, 4, "WAVE"},
    {"a Matroska or WebM video", 0, 4, "\x1a\x45\xdf\xa3"},
    {"an MPEG video", 0, 4, "\0\0\1\xba"},
    {"an Ogg file", 0, 4, "OggS"},
    {"an MP3 file", 0, 3, "ID3"},
    {"a ZIP archive", 0, 4, "PK\3\4"},
    {"a gzip file", 0, 3, "\x1f\x8b\x08"},
    {"a bzip2 file", 0, 3, "BZh"},
    {"an XZ file", 0, 6,
     "\xfd"
     "7zXZ\0"},
    {"a Zstandard file", 0, 4, "\x28\xb5\x2f\xfd"},
    {"a 7z archive", 0, 6, "7z\xbc\xaf\x27\x1c"},
    {"a RAR archive", 0, 6, "Rar!\x1a\x07"},
    {"a NumPy array", 0, 6, "\x93NUMPY"},
    {"an HDF5 file", 0, 8, "\x89HDF\r\n\x1a\n"},
    {"a Git LFS pointer, not the file itself", 0, 34,
     "version https://git-lfs.github.com"},
    {"a PNG damaged by text conversion", 0, 4, "\x89PNG"},
    {"a PNG damaged by text conversion", 0, 6, "\xef\xbf\xbdPNG"},
    {"a PNG damaged by text conversion", 0, 5, "\xc2\x89PNG"},
    {"a JPEG damaged by text conversion", 0, 9,
     "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"a JPEG damaged by text conversion", 0, 6, "\xc3\xbf\xc3\x98\xc3\xbf"},
};

/* Brands of ISO media files; compatible brands follow the major one. */
static const struct brand {
    const char *name;
    char brand[BRAND_LEN + 1]; /* or its beginning */
} brands[] = {
    {"an AVIF image", "avif"},     {"an AVIF animation", "avis"},
    {"a HEIC image", "heic"},      {"a HEIC image", "heix"},
    {"a HEIC image", "heim"},      {"a HEIC image", "heis"},
    {"a HEIC animation", "hevc"},  {"a HEIC animation", "hevx"},
    {"a HEIF image", "mif1"},      {"a HEIF image", "mif2"},
    {"a HEIF animation", "msf1"},  {"a JPEG XL image", "jxl "},
    {"a JPEG 2000 image", "jp2 "}, {"a JPEG 2000 image", "jpx "},
    {"a JPEG 2000 image", "jpm "}, {"a raw image (CR3)", "crx "},
    {"a QuickTime video", "qt  "}, {"an MP4 video", "mp4"},
    {"an MP4 video", "isom"},      {"an MP4 video", "iso"},
    {"an MP4 video", "avc1"},      {"an MP4 video", "M4V"},
    {"an MP4 video", "MSNV"},      {"an MP4 video", "dash"},
    {"an MP4 audio file", "M4A"},  {"a 3GP video", "3g"},
};

/* Tags at the start of text files, in lower case. */
static const struct tag {
    const char *name;
    const char *text;
} tags[] = {
    {"an SVG image", "<svg"},  {"an HTML page", "<!doctype html"},
    {"an HTML page", "<html"}, {"an HTML page", "<head"},
    {"an HTML page", "<body"},
};

#define NUM(table) (sizeof table / sizeof table[0])

static bool is_at(struct bytes file, size_t offset, const char *bytes,
                  size_t len)
{
    return bytes_skip(&file, offset) && bytes_begin_with(&file, bytes, len);
}

static const char *find_brand(struct bytes brand)
{
    for (size_t i = 0; i < NUM(brands); i++)
        if (bytes_begin_with(&brand, brands[i].brand, strlen(brands[i].brand)))
            return brands[i].name;
    return NULL;
}

/* HEIF's general brand says less than the compatible brands after it. */
static const char *name_of_iso(struct bytes file)
{
    struct bytes box = file, brand;
    uint32_t len;
    const char *name;

    if (!bytes_u32be(&box, &len) || !bytes_begin_with(&box, "ftyp", 4) ||
        !bytes_skip(&box, 4) || !bytes_take(&box, &brand, BRAND_LEN))
        return NULL;
    name = find_brand(brand);
    if (!bytes_begin_with(&brand, "mif", 3) &&
        !bytes_begin_with(&brand, "msf", 3))
        return name ? name : "an image or video in another ISO media format";
    if (len > file.len)
        len = (uint32_t)file.len;
    for (size_t at = 16; at + BRAND_LEN <= len; at += BRAND_LEN) {
        brand = (struct bytes){.data = file.data + at, .len = BRAND_LEN};
        if (bytes_begin_with(&brand, "avif", 4) ||
            bytes_begin_with(&brand, "hei", 3) ||
            bytes_begin_with(&brand, "jxl", 3))
            return find_brand(brand);
    }
    return name;
}

/* Icons and cursors state how many images they have; a TGA, which may begin
 * with the same bytes, has zeros there. */
static const char *name_of_icon(struct bytes file)
{
    uint16_t count;
    const bool is_cursor = bytes_begin_with(&file, "\0\0\2\0", 4);

    if ((!is_cursor && !bytes_begin_with(&file, "\0\0\1\0", 4)) ||
        !bytes_skip(&file, 4) || !bytes_u16le(&file, &count) || count == 0)
        return NULL;
    return is_cursor ? "a cursor (CUR)" : "an icon (ICO)";
}

/* A BMP states the length of its second header, and a PNM has a digit. */
static bool is_bmp(struct bytes file)
{
    uint32_t len;

    return bytes_begin_with(&file, "BM", 2) && bytes_skip(&file, 14) &&
           bytes_u32le(&file, &len) && len >= 12 && len <= 124;
}

static bool is_pnm(struct bytes file)
{
    return file.len > 3 && file.data[0] == 'P' && file.data[1] >= '1' &&
           file.data[1] <= '7' && memchr(" \t\r\n", file.data[2], 4);
}

static bool begins_with_text(struct bytes file, const char *text)
{
    for (size_t i = 0; text[i]; i++) {
        if (i >= file.len)
            return false;
        const uint8_t c = file.data[i];
        const bool large = c >= 'A' && c <= 'Z';

        if ((large ? c | 0x20 : c) != (uint8_t)text[i])
            return false;
    }
    return true;
}

static struct bytes skip_space(struct bytes text)
{
    while (text.len > 0 && memchr(" \t\r\n", text.data[0], 4))
        if (!bytes_skip(&text, 1))
            break;
    return text;
}

/* The first tag that identifies the file: a declaration, comments and a
 * document type may precede it. */
static const char *name_of_text(struct bytes file)
{
    bool is_xml;

    if (bytes_begin_with(&file, "\xef\xbb\xbf", 3) && !bytes_skip(&file, 3))
        return NULL;
    file = skip_space(file);
    if (begins_with_text(file, "data:image/"))
        return "a data URL; send the bytes that it encodes";
    if (!begins_with_text(file, "<"))
        return NULL;
    is_xml = begins_with_text(file, "<?xml");
    if (file.len > TEXT_LEN)
        file.len = TEXT_LEN;
    for (; file.len > 0; file.data++, file.len--)
        for (size_t i = 0; i < NUM(tags); i++)
            if (begins_with_text(file, tags[i].text))
                return tags[i].name;
    return is_xml ? "an XML file" : NULL;
}

const char *image_name_of(struct bytes file)
{
    const char *name;

    name = name_of_iso(file);
    if (name)
        return name;
    for (size_t i = 0; i < NUM(marks); i++)
        if (is_at(file, marks[i].offset, marks[i].bytes, marks[i].len))
            return marks[i].name;
    name = name_of_icon(file);
    if (name)
        return name;
    if (is_bmp(file))
        return "a BMP image";
    if (is_pnm(file))
        return "a PNM image";
    return name_of_text(file);
}
