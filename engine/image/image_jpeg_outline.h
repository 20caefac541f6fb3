#ifndef ENGINE_IMAGE_IMAGE_JPEG_OUTLINE_H
#define ENGINE_IMAGE_IMAGE_JPEG_OUTLINE_H

/* What the markers of a JPEG say: our own walk over them, before the library is
 * handed the file (image_jpeg.c says why). */

#include "engine/image/image_codec.h"
#include "engine/image/image_jpeg_notes.h"

enum {
    IMAGE_JPEG_MAX_CHANNELS = 4,
    IMAGE_JPEG_COEFFICIENTS = 64, /* of a block */
};

struct image_jpeg_outline {
    uint32_t width, height;
    unsigned num_channels; /* 0 until the frame's header was seen */
    /* Of each channel, blocks up to the full MCU: */
    uint8_t names[IMAGE_JPEG_MAX_CHANNELS];
    bool names_differ;
    uint64_t num_samples[IMAGE_JPEG_MAX_CHANNELS];
    unsigned num_scans;
    uint64_t num_scanned;  /* samples, of all scans together */
    unsigned num_segments; /* and other markers outside scans */
    uint64_t num_restarts; /* within them */
    size_t scans_start;    /* bytes from the file's start to the first scan */
    size_t coded_len;      /* and from there to the end of the last */
    bool keeps_all;        /* coefficients, until the last scan */
    /* Of each channel: the bits of each coefficient that scans have left out so
     * far, and one more; 0: no scan has had it. */
    uint8_t left_out[IMAGE_JPEG_MAX_CHANNELS][IMAGE_JPEG_COEFFICIENTS];
    struct image_jpeg_notes notes;
    unsigned interval; /* MCUs from one restart to the next; 0: there is none */
    uint64_t num_mcus; /* of a scan of all channels */
    bool in_scan;      /* the next marker ends its data */
    size_t scan_end;   /* bytes from the file's start to the end of a scan */
    bool complete;     /* scans have had all coefficients */
    bool open;         /* the file's end is missing, or broken */
    struct error why;  /* what is wrong with it */
};

/* Walks over the markers of a file up to the one that ends the picture. A file
 * that lacks its end is `open`, and no failure, if its scans have had all
 * coefficients. ERROR_INPUT, ERROR_UNSUPPORTED, ERROR_LIMIT. */
bool image_jpeg_outline_read(struct image_jpeg_outline *outline,
                             const struct image_codec_job *job,
                             struct bytes file, struct error *err)
    __attribute__((warn_unused_result));

/* The samples of all channels. */
uint64_t image_jpeg_outline_samples(const struct image_jpeg_outline *outline);

/* Whether all restarts of a single scan are there, or none has to be. */
bool image_jpeg_outline_has_restarts(const struct image_jpeg_outline *outline);

#endif
