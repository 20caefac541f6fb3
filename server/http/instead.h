#ifndef SERVER_HTTP_INSTEAD_H
#define SERVER_HTTP_INSTEAD_H

/* What a client sent instead of a picture's file, where its bytes tell: the
 * name of the file, its address, or its bytes as text. Any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* Where it was found, and so what is said of it. */
enum instead_place {
    INSTEAD_BODY,  /* the body is the picture */
    INSTEAD_FIELD, /* the field "image", without a filename */
    INSTEAD_FILE   /* the same with one */
};

/* Writes a sentence about `bytes`, or returns false: they may be a picture.
 * Only their beginning is looked at. */
bool instead_say(char text[ERROR_TEXT_SIZE], const uint8_t *bytes, size_t len,
                 enum instead_place place);

/* Whether these are text: nothing in their beginning says that they are not. */
bool instead_is_text(const uint8_t *bytes, size_t len);

/* Whether a JPEG or PNG has lost all its zeros and ends of lines, as the files
 * do that `curl -d @FILE` sends. */
bool instead_is_stripped(const uint8_t *bytes, size_t len);

#endif
