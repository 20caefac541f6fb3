#include "preprocess.h"

#include <stdlib.h>

#include "resize.h"

struct preprocess {
    struct preprocess_spec spec;
    struct resize resize;
    uint8_t *pixels;            /* (height, width, 3) resized; owned */
    float values[3][256];       /* of each sample of each input channel */
    unsigned source_channel[3]; /* of each input channel: 0 is red */
};

/* What a way of resizing shows of a picture. */
static struct preprocess_view find_view(enum preprocess_resize resize,
                                        const struct image *image)
{
    switch (resize) {
    case PREPROCESS_STRETCH:
        break;
    }
    return (struct preprocess_view){.width = image->width,
                                    .height = image->height};
}

struct preprocess *preprocess_new(const struct preprocess_spec *spec,
                                  struct error *err)
{
    struct preprocess *preprocess = calloc(1, sizeof *preprocess);

    if (!preprocess) {
        fail(err, ERROR_MEMORY, "no memory to prepare images");
        return NULL;
    }
    preprocess->spec = *spec;
    for (unsigned c = 0; c < 3; c++) {
        preprocess->source_channel[c] = spec->bgr ? 2 - c : c;
        for (int i = 0; i < 256; i++)
            preprocess->values[c][i] =
                (float)(((double)i - (double)spec->mean[c]) /
                        (double)spec->std[c]);
    }
    if (spec->height > 0 && spec->width <= SIZE_MAX / 3 / spec->height)
        preprocess->pixels = malloc((size_t)spec->height * spec->width * 3);
    if (!preprocess->pixels) {
        fail(err, ERROR_MEMORY, "no memory for %u x %u pixels of input",
             spec->width, spec->height);
        preprocess_free(preprocess);
        return NULL;
    }
    return preprocess;
}

/* Samples to the network's values. */
static void normalise(const struct preprocess *preprocess,
                      float *restrict input)
{
    const size_t count =
        (size_t)preprocess->spec.width * preprocess->spec.height;
    const float *first = preprocess->values[0];
    const float *second = preprocess->values[1];
    const float *third = preprocess->values[2];
    const unsigned a = preprocess->source_channel[0];
    const unsigned b = preprocess->source_channel[1];
    const unsigned c = preprocess->source_channel[2];
    const uint8_t *pixel = preprocess->pixels;

    for (size_t i = 0; i < count; i++, pixel += 3, input += 3) {
        input[0] = first[pixel[a]];
        input[1] = second[pixel[b]];
        input[2] = third[pixel[c]];
    }
}

bool preprocess_apply(struct preprocess *preprocess, float *input,
                      struct preprocess_view *view, const struct image *image,
                      struct error *err)
{
    const struct preprocess_spec *spec = &preprocess->spec;

    if (!resize_rgb(&preprocess->resize, preprocess->pixels, spec->width,
                    spec->height, image->pixels, image->width, image->height,
                    err))
        return false;
    normalise(preprocess, input);
    *view = find_view(spec->resize, image);
    return true;
}

void preprocess_free(struct preprocess *preprocess)
{
    if (!preprocess)
        return;
    resize_release(&preprocess->resize);
    free(preprocess->pixels);
    free(preprocess);
}
