#ifndef ENGINE_IMAGE_IMAGE_XMP_H
#define ENGINE_IMAGE_IMAGE_XMP_H

/* The one thing we want from XMP: which way is up. */

#include "engine/base/bytes.h"

/* The orientation that an XMP packet names as tiff:Orientation, an attribute
 * or an element; the first of several. 0 where it names none, and 1, which is
 * upright, where it is not from 1 to 8. The packet is searched, not parsed: no
 * depth, no entity, no name space can do harm. Any thread. */
unsigned image_xmp_orientation(struct bytes xmp);

#endif
