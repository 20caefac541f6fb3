/* A picture from a stranger, in full and as small as may be; the later
 * decodings use the first one's memory again, as a worker does. */

#include "fuzz.h"

#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct image_limits limits = {.max_width = 1024,
                                               .max_height = 1024,
                                               .max_pixels = 1 << 18,
                                               .max_unpacked = 1 << 20};
    static const struct image_need needs[] = {
        {0}, {.width = 8, .height = 4}, {.width = 1, .height = 1}, {0}};
    struct image image = {0};
    struct error err = {0};

    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++)
        if (!image_decode_for(&image, &needs[i], bytes, len, &limits, &err))
            break;
    image_release(&image);
    return 0;
}
