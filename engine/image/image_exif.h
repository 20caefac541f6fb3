#ifndef ENGINE_IMAGE_IMAGE_EXIF_H
#define ENGINE_IMAGE_IMAGE_EXIF_H

/* Reads the one thing we need from EXIF: the orientation. */

#include "engine/base/bytes.h"

/* The orientation 1..8 in the first directory of an EXIF block (a TIFF file,
 * with or without "Exif\0\0" before it), which describes the image itself.
 * Returns 0 if it has none or the block is broken: an image is not refused for
 * its metadata. Returns 1, which is upright, if the value is not from 1 to 8.
 * Any integer type is accepted, and so is a header with its 42 in the wrong
 * byte order. Only one directory is read, so cycles of directories do no harm.
 * Any thread. */
unsigned image_exif_orientation(struct bytes exif);

#endif
