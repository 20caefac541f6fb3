/* An EXIF block or an XMP packet from a stranger's picture. */

#include "fuzz.h"

#include "image_exif.h"
#include "image_xmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct bytes exif = {.data = bytes, .len = len};

    if (image_exif_orientation(exif) > 8 || image_xmp_orientation(exif) > 8)
        __builtin_trap();
    return 0;
}
