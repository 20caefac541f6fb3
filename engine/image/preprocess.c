#include "engine/image/preprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct preprocess {
    struct preprocess_spec spec;
    struct resize resize;
    uint8_t *pixels;      /* (height, width, 3) resized; owned */
    float values[3][256]; /* the value of each sample in each input channel */
    unsigned source_channel[3]; /* for each input channel: 0 is red */
};

/* How an image is placed in the input: a part of the resized image, at a
 * position. */
struct placement {
    struct resize_part part;
    size_t left, top; /* position of the part in the input */
};

/* Scales a side in the proportion of another one, in Pillow's order of
 * operations. */
static double scaled(double side, double of, double to)
{
    return side / of * to;
}

/* The start of a centred part of the input's size. */
static size_t centre(size_t full, uint32_t part)
{
    return (size_t)rint((double)(full - part) / 2);
}

/* Like torchvision: the long side is rounded down to whole pixels. */
static void place_crop(struct placement *place,
                       const struct preprocess_spec *spec,
                       const struct image *image)
{
    /* A fraction of 299 / 342 must give 342 again. */
    double width = floor(spec->width / spec->crop_fraction + 1e-6);
    double height = floor(spec->height / spec->crop_fraction + 1e-6);
    struct resize_part *part = &place->part;

    if (image->width * height < image->height * width)
        height = floor(width * image->height / image->width);
    else
        width = floor(height * image->width / image->height);
    part->full_width = (size_t)width;
    part->full_height = (size_t)height;
    part->left = centre(part->full_width, spec->width);
    part->top = centre(part->full_height, spec->height);
}

/* Like ImageOps.pad: the short side is rounded to whole pixels. */
static void place_letterbox(struct placement *place,
                            const struct preprocess_spec *spec,
                            const struct image *image)
{
    struct resize_part *part = &place->part;
    double ratio = (double)image->width / image->height;

    if (ratio > (double)spec->width / spec->height)
        part->height =
            (uint32_t)rint(scaled(image->height, image->width, spec->width));
    else
        part->width =
            (uint32_t)rint(scaled(image->width, image->height, spec->height));
    part->width += part->width == 0;
    part->height += part->height == 0;
    part->full_width = part->width;
    part->full_height = part->height;
    place->left = (size_t)rint((spec->width - part->width) / 2.0);
    place->top = (size_t)rint((spec->height - part->height) / 2.0);
}

static struct placement find_placement(const struct preprocess_spec *spec,
                                       const struct image *image)
{
    struct placement place = {
        .part = {.filter = spec->filter,
                 .orientation = image->orientation,
                 .full_width = spec->width,
                 .full_height = spec->height,
                 .width = spec->width,
                 .height = spec->height},
    };

    switch (spec->resize) {
    case PREPROCESS_STRETCH:
        break;
    case PREPROCESS_CROP:
        place_crop(&place, spec, image);
        break;
    case PREPROCESS_LETTERBOX:
        place_letterbox(&place, spec, image);
        break;
    }
    return place;
}

/* The input's corners in pixels of the image. */
static struct preprocess_region find_region(const struct placement *place,
                                            const struct preprocess_spec *spec,
                                            const struct image *image)
{
    double x = image->width / (double)place->part.full_width;
    double y = image->height / (double)place->part.full_height;

    return (struct preprocess_region){
        .x = ((double)place->part.left - (double)place->left) * x,
        .y = ((double)place->part.top - (double)place->top) * y,
        .width = spec->width * x,
        .height = spec->height * y,
    };
}

struct preprocess *preprocess_new(const struct preprocess_spec *spec,
                                  struct error *err)
{
    struct preprocess *preprocess = calloc(1, sizeof *preprocess);

    if (!preprocess) {
        fail(err, ERROR_MEMORY, "not enough memory to prepare images");
        return NULL;
    }
    preprocess->spec = *spec;
    for (unsigned c = 0; c < (spec->grey ? 1 : 3); c++) {
        preprocess->source_channel[c] = spec->bgr ? 2 - c : c;
        for (int i = 0; i < 256; i++)
            preprocess->values[c][i] =
                (float)(((double)i - (double)spec->mean[c]) /
                        (double)spec->std[c]);
    }
    if (spec->height > 0 && spec->width <= SIZE_MAX / 3 / spec->height)
        preprocess->pixels = malloc((size_t)spec->height * spec->width * 3);
    if (!preprocess->pixels) {
        fail(err, ERROR_MEMORY,
             "not enough memory for an input of %u x %u pixels", spec->width,
             spec->height);
        preprocess_free(preprocess);
        return NULL;
    }
    return preprocess;
}

/* ITU-R 601 luma, with weights in 65536ths. */
static uint8_t luma(const uint8_t *pixel)
{
    return (uint8_t)((19595u * pixel[0] + 38470u * pixel[1] + 7471u * pixel[2] +
                      32768u) >>
                     16);
}

/* Converts samples to the network's values. */
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

    if (preprocess->spec.grey) {
        for (size_t i = 0; i < count; i++, pixel += 3)
            input[i] = first[luma(pixel)];
        return;
    }
    for (size_t i = 0; i < count; i++, pixel += 3, input += 3) {
        input[0] = first[pixel[a]];
        input[1] = second[pixel[b]];
        input[2] = third[pixel[c]];
    }
}

static void fill(uint8_t *pixels, size_t count, const uint8_t colour[3])
{
    for (size_t i = 0; i < count; i++)
        memcpy(pixels + 3 * i, colour, 3);
}

/* Moves the resized part from the start of the pixels to its position, and
 * fills the padding around it. It goes from the last row to the first, as every
 * row moves towards the end. */
static void put_in_place(uint8_t *pixels, const struct placement *place,
                         const struct preprocess_spec *spec)
{
    const size_t width = place->part.width, height = place->part.height;
    const size_t right = place->left + width;
    const size_t bottom = place->top + height;

    if (width == spec->width && height == spec->height)
        return;
    for (size_t y = height; y-- > 0;) {
        uint8_t *row = pixels + (place->top + y) * spec->width * 3;

        memmove(row + place->left * 3, pixels + y * width * 3, width * 3);
        fill(row + right * 3, spec->width - right, spec->pad);
    }
    for (size_t y = place->top; y < bottom; y++)
        fill(pixels + y * spec->width * 3, place->left, spec->pad);
    fill(pixels, place->top * spec->width, spec->pad);
    fill(pixels + bottom * spec->width * 3,
         (spec->height - bottom) * spec->width, spec->pad);
}

static bool apply(struct preprocess *preprocess, float *input,
                  struct preprocess_region *region,
                  const struct placement *place, const struct image *image,
                  struct error *err)
{
    const struct preprocess_spec *spec = &preprocess->spec;
    uint32_t width, height;
    const uint8_t *pixels = image_lying(image, &width, &height);

    if (!resize_rgb_part(&preprocess->resize, preprocess->pixels, &place->part,
                         pixels, width, height, err))
        return false;
    put_in_place(preprocess->pixels, place, spec);
    normalise(preprocess, input);
    *region = find_region(place, spec, image);
    return true;
}

bool preprocess_apply(struct preprocess *preprocess, float *input,
                      struct preprocess_region *region,
                      const struct image *image, struct error *err)
{
    const struct placement place = find_placement(&preprocess->spec, image);

    return apply(preprocess, input, region, &place, image, err);
}

/* The size of the whole, of which a part fills `side` pixels, and where the
 * part begins. */
static void place_along(size_t *full, size_t *first, uint32_t side,
                        double start, double part, uint32_t image)
{
    double zoom = fmin(fmax(image / part, 1), PREPROCESS_MAX_ZOOM);

    *full = (size_t)rint(side * zoom);
    *first = (size_t)rint(fmax(start, 0) / image * (double)*full);
    if (*first > *full - side)
        *first = *full - side;
}

bool preprocess_apply_part(struct preprocess *preprocess, float *input,
                           struct preprocess_region *region,
                           const struct image *image, struct error *err)
{
    const struct preprocess_spec *spec = &preprocess->spec;
    struct placement place = {
        .part = {.filter = spec->filter,
                 .orientation = image->orientation,
                 .width = spec->width,
                 .height = spec->height},
    };

    place_along(&place.part.full_width, &place.part.left, spec->width,
                region->x, region->width, image->width);
    place_along(&place.part.full_height, &place.part.top, spec->height,
                region->y, region->height, image->height);
    return apply(preprocess, input, region, &place, image, err);
}

/* Copies the values as the network has them: (height, width, channels). */
static bool copy_values(float *restrict input, const float *restrict values,
                        size_t num_pixels, unsigned channels, bool is_planar,
                        struct error *err)
{
    const size_t pixel_step = is_planar ? 1 : channels;
    const size_t channel_step = is_planar ? num_pixels : 1;

    for (size_t i = 0; i < num_pixels; i++)
        for (unsigned c = 0; c < channels; c++) {
            const size_t at = i * pixel_step + c * channel_step;

            /* Also false of what is not a number. */
            if (!(fabsf(values[at]) <= PREPROCESS_MAX_VALUE))
                return fail(err, ERROR_INPUT,
                            "value %zu of the input is %g, not a number "
                            "between -%d and %d",
                            at, (double)values[at], PREPROCESS_MAX_VALUE,
                            PREPROCESS_MAX_VALUE);
            input[i * channels + c] = values[at];
        }
    return true;
}

bool preprocess_take(struct preprocess *preprocess, float *input,
                     struct image_pixels *pixels, const float *values,
                     bool is_planar, struct error *err)
{
    const struct preprocess_spec *spec = &preprocess->spec;
    const size_t num_pixels = (size_t)spec->width * spec->height;
    const unsigned channels = spec->grey ? 1 : 3;
    uint8_t *to = preprocess->pixels;

    if (!copy_values(input, values, num_pixels, channels, is_planar, err))
        return false;
    for (size_t i = 0; i < num_pixels; i++, input += channels, to += 3)
        for (unsigned c = 0; c < 3; c++) {
            const unsigned from = spec->grey ? 0 : c;
            const float sample =
                input[from] * spec->std[from] + spec->mean[from];

            to[spec->grey ? c : preprocess->source_channel[c]] =
                (uint8_t)lrintf(fminf(fmaxf(sample, 0), 255));
        }
    *pixels = (struct image_pixels){.data = preprocess->pixels,
                                    .width = spec->width,
                                    .height = spec->height,
                                    .channels = 3,
                                    .stride = (size_t)spec->width * 3};
    return true;
}

void preprocess_trim(struct preprocess *preprocess)
{
    resize_release(&preprocess->resize);
}

void preprocess_free(struct preprocess *preprocess)
{
    if (!preprocess)
        return;
    resize_release(&preprocess->resize);
    free(preprocess->pixels);
    free(preprocess);
}
