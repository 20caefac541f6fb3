/* An EXIF block from a stranger's picture. */

#include "fuzz.h"

#include "image_exif.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct bytes exif = {.data = bytes, .len = len};
    unsigned orientation = image_exif_orientation(exif);

    if (orientation < 1 || orientation > 8)
        __builtin_trap();
    return 0;
}
