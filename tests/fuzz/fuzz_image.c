/* A picture from a stranger; the second decoding uses the first one's memory
 * again, as a worker does. */

#include "tests/fuzz/fuzz.h"

#include "engine/image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct image_limits limits = {.max_width = 1024,
                                               .max_height = 1024,
                                               .max_pixels = 1 << 18,
                                               .max_unpacked = 1 << 20,
                                               .free_pixels = 1 << 10};
    struct image image = {0};
    struct error err = {0};

    for (int i = 0; i < 2; i++)
        if (!image_decode(&image, bytes, len, &limits, &err))
            break;
    image_release(&image);
    return 0;
}
