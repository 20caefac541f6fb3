#ifndef ENGINE_IMAGE_IMAGE_JPEG_MARKERS_H
#define ENGINE_IMAGE_IMAGE_JPEG_MARKERS_H

/* The markers of a JPEG, read by our own code before the library gets the file
 * (image_jpeg.c says why). */

#include "engine/image/image_codec.h"
#include "engine/image/image_jpeg_notes.h"

enum {
    IMAGE_JPEG_MAX_CHANNELS = 4,
    IMAGE_JPEG_COEFFICIENTS = 64, /* of a block */
};

struct image_jpeg_markers {
    uint32_t width, height;
    unsigned num_channels; /* 0 until the frame header has been read */
    /* For each channel, including blocks that complete an MCU: */
    uint8_t names[IMAGE_JPEG_MAX_CHANNELS];
    bool names_differ;
    uint64_t num_samples[IMAGE_JPEG_MAX_CHANNELS];
    unsigned num_scans;
    uint64_t num_scanned;  /* samples in all scans together */
    unsigned num_segments; /* including other markers outside scans */
    uint64_t num_restarts; /* restarts within scans */
    size_t scans_start;    /* bytes from the file's start to the first scan */
    size_t coded_len;      /* bytes from there to the end of the last scan */
    bool keeps_all; /* the library keeps all coefficients until the last scan */
    /* For each channel: the bits of each coefficient that are still missing,
     * plus one; 0: no scan has contained the coefficient. */
    uint8_t left_out[IMAGE_JPEG_MAX_CHANNELS][IMAGE_JPEG_COEFFICIENTS];
    struct image_jpeg_notes notes;
    unsigned interval; /* MCUs from one restart to the next; 0: no restarts */
    uint64_t num_mcus; /* in a scan of all channels */
    bool in_scan;      /* the next marker ends its data */
    size_t scan_end;   /* bytes from the file's start to the end of a scan */
    bool complete;     /* the scans contain all coefficients */
    bool open;         /* the end of the file is missing or damaged */
    struct error why;  /* what is wrong with the end */
};

/* Reads the markers of a file up to the end of the image. If the end of the
 * file is missing but the scans contain all coefficients, sets `open` and
 * succeeds. ERROR_INPUT, ERROR_UNSUPPORTED, ERROR_LIMIT. */
bool image_jpeg_markers_read(struct image_jpeg_markers *markers,
                             const struct image_codec_job *job,
                             struct bytes file, struct error *err)
    __attribute__((warn_unused_result));

/* Returns the number of samples in all channels. */
uint64_t image_jpeg_markers_samples(const struct image_jpeg_markers *markers);

/* Whether a single scan has all its restarts, or needs none. */
bool image_jpeg_markers_has_restarts(const struct image_jpeg_markers *markers);

#endif
