#ifndef ENGINE_IMAGE_IMAGE_NAME_H
#define ENGINE_IMAGE_IMAGE_NAME_H

/* What a file is that is no picture of ours, whatever its name says. */

#include "engine/base/bytes.h"

/* "a HEIC image", "an HTML page", …: to go on with after "it is"; by the
 * file's first bytes. NULL where they are not known. Any thread. */
const char *image_name_of(struct bytes file);

#endif
