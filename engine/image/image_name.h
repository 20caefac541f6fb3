#ifndef ENGINE_IMAGE_IMAGE_NAME_H
#define ENGINE_IMAGE_IMAGE_NAME_H

/* Names the type of a file that is not one of our image formats, whatever its
 * extension. */

#include "engine/base/bytes.h"

/* "a HEIC image", "an HTML page", …, to follow "it is"; identified by the
 * file's first bytes. NULL if they are not known. Any thread. */
const char *image_name_of(struct bytes file);

#endif
