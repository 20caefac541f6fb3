#include "engine/render/webpout.h"

#include <webp/encode.h>

/* How hard the encoder tries: half the time of its default, and 4 % more bytes.
 */
enum { METHOD = 2 };

bool webpout_rgb(struct buf *webp, const uint8_t *pixels, uint32_t width,
                 uint32_t height, float quality, struct error *err)
{
    WebPConfig config;
    WebPPicture picture;
    WebPMemoryWriter writer;
    bool ok;

    if (width == 0 || height == 0 || width > WEBPOUT_MAX_SIDE ||
        height > WEBPOUT_MAX_SIDE)
        return fail(err, ERROR_INTERNAL, "a WebP of %u x %u pixels", width,
                    height);
    if (!WebPConfigPreset(&config, WEBP_PRESET_DEFAULT, quality) ||
        !WebPPictureInit(&picture))
        return fail(err, ERROR_INTERNAL, "another version of libwebp");
    WebPMemoryWriterInit(&writer);
    config.method = METHOD;
    picture.width = (int)width;
    picture.height = (int)height;
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &writer;
    ok = (WebPPictureImportRGB(&picture, pixels, (int)(3 * width)) &&
          WebPEncode(&config, &picture)) ||
         fail(err, ERROR_MEMORY, "not enough memory for a WebP");
    ok = ok && buf_append(webp, writer.mem, writer.size, err);
    WebPPictureFree(&picture);
    WebPMemoryWriterClear(&writer);
    return ok;
}
