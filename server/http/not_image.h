#ifndef SERVER_HTTP_NOT_IMAGE_H
#define SERVER_HTTP_NOT_IMAGE_H

/* Recognises what a client sent instead of an image file: the name of the file,
 * its URL, or its bytes as text. Any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* Where it was found, which the message mentions. */
enum not_image_place {
    NOT_IMAGE_BODY,  /* the body is the image */
    NOT_IMAGE_FIELD, /* the field "image", without a filename */
    NOT_IMAGE_FILE   /* the same with one */
};

/* Writes a message about `bytes`, or returns false: they may be an image. Looks
 * only at their beginning. */
bool not_image_say(char text[ERROR_TEXT_SIZE], const uint8_t *bytes, size_t len,
                   enum not_image_place place);

/* Whether these look like text, judging by their beginning. */
bool not_image_is_text(const uint8_t *bytes, size_t len);

/* Whether a JPEG or PNG has lost all its zeros and line ends, as files sent by
 * `curl -d @FILE` do. */
bool not_image_is_stripped(const uint8_t *bytes, size_t len);

#endif
