/* A colour profile from a stranger's picture, for grey and other samples; and
 * whatever it makes of them. */

#include "tests/fuzz/fuzz.h"

#include "engine/image/image_colour.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct bytes profile = {.data = bytes, .len = len};
    struct image_colour *kept = NULL;
    const struct image_colour *colour;
    struct error err = {0};
    uint8_t pixels[4 * 256];

    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 67 + i / 4);
    for (int grey = 0; grey < 2; grey++)
        if (image_colour_find(&colour, &kept, profile, grey, &err) && colour)
            image_colour_convert(colour, pixels, sizeof pixels / 4, 4);
    image_colour_free(kept);
    return 0;
}
