#ifndef ENGINE_IMAGE_IMAGE_EXIF_H
#define ENGINE_IMAGE_IMAGE_EXIF_H

/* The one thing we want from EXIF: which way is up. */

#include "engine/base/bytes.h"

/* The orientation 1..8 that an EXIF block (a TIFF file, with or without
 * "Exif\0\0" before it) names in its first directory, the one of the picture
 * itself. 0 where it names none, or is broken: a picture is not refused for its
 * metadata. 1, which is upright, where what it names is none of the eight. Any
 * whole number will do, whatever its type, and a header with its 42 the wrong
 * way round. Looks at one directory only, so that cycles of directories do no
 * harm. Any thread. */
unsigned image_exif_orientation(struct bytes exif);

#endif
