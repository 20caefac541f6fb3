#include "pngout.h"

#include <spng.h>
#include <stdlib.h>
#include <string.h>

static bool encode(struct buf *png, const uint8_t *pixels, size_t len,
                   uint32_t width, uint32_t height, uint8_t color_type,
                   struct spng_plte *plte, struct error *err)
{
    struct spng_ihdr ihdr = {.width = width,
                             .height = height,
                             .bit_depth = 8,
                             .color_type = color_type};
    spng_ctx *ctx = spng_ctx_new(SPNG_CTX_ENCODER);
    void *bytes = NULL;
    size_t bytes_len;
    int status = SPNG_EMEM;
    bool ok = false;

    if (!ctx)
        goto out;
    spng_set_option(ctx, SPNG_ENCODE_TO_BUFFER, 1);
    spng_set_option(ctx, SPNG_IMG_COMPRESSION_LEVEL, 1);
    status = spng_set_ihdr(ctx, &ihdr);
    if (!status && plte)
        status = spng_set_plte(ctx, plte);
    if (!status)
        status = spng_encode_image(ctx, pixels, len, SPNG_FMT_PNG,
                                   SPNG_ENCODE_FINALIZE);
    if (!status)
        bytes = spng_get_png_buffer(ctx, &bytes_len, &status);
    ok = bytes && buf_append(png, bytes, bytes_len, err);
out:
    if (status)
        fail(err, status == SPNG_EMEM ? ERROR_MEMORY : ERROR_INTERNAL,
             "the picture cannot be encoded: %s", spng_strerror(status));
    free(bytes);
    spng_ctx_free(ctx);
    return ok;
}

bool pngout_rgb(struct buf *png, struct pngout_scratch *scratch,
                const uint8_t *pixels, uint32_t width, uint32_t height,
                struct error *err)
{
    (void)scratch;
    return encode(png, pixels, (size_t)width * height * 3, width, height,
                  SPNG_COLOR_TYPE_TRUECOLOR, NULL, err);
}

bool pngout_palette(struct buf *png, struct pngout_scratch *scratch,
                    const uint8_t *indices, const uint8_t *palette,
                    uint32_t width, uint32_t height, struct error *err)
{
    struct spng_plte plte = {.n_entries = 256};

    (void)scratch;
    for (size_t i = 0; i < 256; i++)
        plte.entries[i] = (struct spng_plte_entry){.red = palette[3 * i],
                                                   .green = palette[3 * i + 1],
                                                   .blue = palette[3 * i + 2],
                                                   .alpha = 255};
    return encode(png, indices, (size_t)width * height, width, height,
                  SPNG_COLOR_TYPE_INDEXED, &plte, err);
}

void pngout_scratch_release(struct pngout_scratch *scratch)
{
    free(scratch->rows);
    *scratch = (struct pngout_scratch){0};
}
