#include "engine/base/bytes.h"

#include <string.h>

bool bytes_skip(struct bytes *bytes, size_t count)
{
    struct bytes part;

    return bytes_take(bytes, &part, count);
}

bool bytes_take(struct bytes *bytes, struct bytes *part, size_t count)
{
    if (count > bytes->len)
        return false;
    if (count == 0) { /* data may be NULL: no arithmetic on it */
        *part = (struct bytes){0};
        return true;
    }
    *part = (struct bytes){.data = bytes->data, .len = count};
    bytes->data += count;
    bytes->len -= count;
    return true;
}

bool bytes_u8(struct bytes *bytes, uint8_t *value)
{
    struct bytes part;

    if (!bytes_take(bytes, &part, 1))
        return false;
    *value = part.data[0];
    return true;
}

bool bytes_u16be(struct bytes *bytes, uint16_t *value)
{
    struct bytes part;

    if (!bytes_take(bytes, &part, 2))
        return false;
    *value = (uint16_t)(part.data[0] << 8 | part.data[1]);
    return true;
}

bool bytes_u16le(struct bytes *bytes, uint16_t *value)
{
    struct bytes part;

    if (!bytes_take(bytes, &part, 2))
        return false;
    *value = (uint16_t)(part.data[1] << 8 | part.data[0]);
    return true;
}

bool bytes_u24le(struct bytes *bytes, uint32_t *value)
{
    struct bytes part;

    if (!bytes_take(bytes, &part, 3))
        return false;
    *value = (uint32_t)part.data[2] << 16 | (uint32_t)part.data[1] << 8 |
             part.data[0];
    return true;
}

bool bytes_u32be(struct bytes *bytes, uint32_t *value)
{
    struct bytes part;

    if (!bytes_take(bytes, &part, 4))
        return false;
    *value = (uint32_t)part.data[0] << 24 | (uint32_t)part.data[1] << 16 |
             (uint32_t)part.data[2] << 8 | part.data[3];
    return true;
}

bool bytes_u32le(struct bytes *bytes, uint32_t *value)
{
    struct bytes part;

    if (!bytes_take(bytes, &part, 4))
        return false;
    *value = (uint32_t)part.data[3] << 24 | (uint32_t)part.data[2] << 16 |
             (uint32_t)part.data[1] << 8 | part.data[0];
    return true;
}

bool bytes_begin_with(const struct bytes *bytes, const void *prefix,
                      size_t count)
{
    return count == 0 ||
           (bytes->len >= count && memcmp(bytes->data, prefix, count) == 0);
}
