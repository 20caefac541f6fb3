#ifndef ENGINE_IMAGE_IMAGE_XMP_H
#define ENGINE_IMAGE_IMAGE_XMP_H

/* Reads the one thing we need from XMP: the orientation. */

#include "engine/base/bytes.h"

/* The orientation in an XMP packet's tiff:Orientation, as an attribute or an
 * element; the first one counts. Returns 0 if there is none, and 1, which is
 * upright, if the value is not from 1 to 8. The packet is searched, not parsed,
 * so that depth, entities and namespaces do no harm. Any thread. */
unsigned image_xmp_orientation(struct bytes xmp);

#endif
