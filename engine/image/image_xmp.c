#include "engine/image/image_xmp.h"

#include <string.h>

enum { UPRIGHT = 1 };

/* Reads what follows the name, if it is a value: ="6" or >6< */
static bool read_value(struct bytes text, unsigned *orientation)
{
    uint8_t digit;

    if (bytes_begin_with(&text, "=\"", 2)) {
        if (!bytes_skip(&text, 2))
            return false;
    } else if (!bytes_begin_with(&text, ">", 1) || !bytes_skip(&text, 1)) {
        return false;
    }
    if (!bytes_u8(&text, &digit) || digit < '0' || digit > '9')
        return false;
    *orientation =
        digit >= '1' && digit <= '8' ? (unsigned)digit - '0' : UPRIGHT;
    return true;
}

unsigned image_xmp_orientation(struct bytes xmp)
{
    static const char name[] = "tiff:Orientation";
    const size_t len = sizeof name - 1;
    unsigned orientation;

    for (;;) {
        const uint8_t *at =
            xmp.len < len ? NULL : memmem(xmp.data, xmp.len, name, len);

        if (!at || !bytes_skip(&xmp, (size_t)(at - xmp.data) + len))
            return 0;
        if (read_value(xmp, &orientation))
            return orientation;
    }
}
