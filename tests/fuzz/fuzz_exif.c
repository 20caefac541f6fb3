/* An EXIF block or an XMP packet from a stranger's picture. */

#include "tests/fuzz/fuzz.h"

#include "engine/image/image_exif.h"
#include "engine/image/image_xmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct bytes exif = {.data = bytes, .len = len};

    if (image_exif_orientation(exif) > 8 || image_xmp_orientation(exif) > 8)
        __builtin_trap();
    return 0;
}
