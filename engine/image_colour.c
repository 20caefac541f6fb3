#include "image_colour.h"

#include <lcms2.h>
#include <lcms2_plugin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* What the library may take for one profile, all in all. */
    MAX_MEMORY = 24 << 20,

    MAX_KEPT = 64 << 10, /* bytes of a profile that is kept: few have 4 KB */
    HEADER_LEN = 128,    /* bytes of any profile */
    BLOCK = 256,         /* pixels that the library gets at a time */

    /* Light between black and white, as a number: fine enough for a step in
     * the dark to be less than half a level. */
    LIGHT_BITS = 13,
    LIGHT_MAX = 1 << LIGHT_BITS,
    FRACTION_BITS = 10,
    MAX_SHARE = 1 << 28, /* of light; three of them fit into an int32_t */
};

enum kind {
    AS_IT_IS, /* sRGB, broken, or of no use for these samples */
    MATRIX,
    LEVELS,
    LIBRARY,
};

/* What the library may still take. */
struct allowance {
    size_t left;
    bool failed; /* there was no memory; not: no allowance */
};

struct image_colour {
    uint8_t *profile; /* (profile_len); owned */
    size_t profile_len;
    enum image_colour_samples samples;
    enum kind kind;
    /* MATRIX: what each level of each sample adds to the light of sRGB's red,
     * green and blue, of 1 << (LIGHT_BITS + FRACTION_BITS); and light's
     * level. */
    int32_t share[3][256][4];
    uint8_t level_of[LIGHT_MAX + 1];
    /* LEVELS: of grey. */
    uint8_t grey[256][3];
    /* LIBRARY */
    struct allowance allowance;
    cmsContext context;      /* owned */
    cmsHTRANSFORM transform; /* owned */
};

/* The library asks before it knows of the allowance, once. */
static bool take(cmsContext context, cmsUInt32Number len)
{
    struct allowance *allowance = cmsGetContextUserData(context);

    if (allowance && len > allowance->left)
        return false;
    if (allowance)
        allowance->left -= len;
    return true;
}

static void *note(cmsContext context, void *memory)
{
    struct allowance *allowance = cmsGetContextUserData(context);

    if (allowance && !memory)
        allowance->failed = true;
    return memory;
}

static void *get_memory(cmsContext context, cmsUInt32Number len)
{
    return take(context, len) ? note(context, malloc(len)) : NULL;
}

static void *get_more_memory(cmsContext context, void *memory,
                             cmsUInt32Number len)
{
    return take(context, len) ? note(context, realloc(memory, len)) : NULL;
}

static void give_memory_back(cmsContext context, void *memory)
{
    (void)context;
    free(memory);
}

static cmsContext new_context(struct allowance *allowance)
{
    cmsPluginMemHandler memory = {
        .base = {.Magic = cmsPluginMagicNumber,
                 .ExpectedVersion = 2000,
                 .Type = cmsPluginMemHandlerSig},
        .MallocPtr = get_memory,
        .FreePtr = give_memory_back,
        .ReallocPtr = get_more_memory,
    };

    return cmsCreateContext(&memory, allowance);
}

/* Light to sRGB's primaries, from XYZ as profiles have it (white is D50): the
 * inverse of what the ICC's own profile says. */
static const double srgb_of_xyz[3][3] = {
    {3.13411215, -1.61739246, -0.49063340},
    {-0.97878729, 1.91627959, 0.03345471},
    {0.07198304, -0.22898585, 1.40538513},
};

/* IEC 61966-2-1. Both 0 to 1. */
static double srgb_to_light(double level)
{
    return level <= 0.04045 ? level / 12.92
                            : pow((level + 0.055) / 1.055, 2.4);
}

static void make_level_of(uint8_t level_of[LIGHT_MAX + 1])
{
    int light = 0;

    for (int level = 0; level < 256; level++) {
        const double end = srgb_to_light((level + 0.5) / 255) * LIGHT_MAX;

        for (; light <= LIGHT_MAX && (light < end || level == 255); light++)
            level_of[light] = (uint8_t)level;
    }
}

static int32_t to_share(double light)
{
    const double share = light * (1 << (LIGHT_BITS + FRACTION_BITS));

    return (int32_t)(share > MAX_SHARE    ? MAX_SHARE
                     : share < -MAX_SHARE ? -MAX_SHARE
                                          : lrint(share));
}

/* Whether the library, too, would take the curves and the matrix. */
static bool is_matrix(cmsHPROFILE profile)
{
    return cmsGetColorSpace(profile) == cmsSigRgbData &&
           cmsGetPCS(profile) == cmsSigXYZData && cmsIsMatrixShaper(profile) &&
           !cmsIsTag(profile, cmsSigAToB0Tag) &&
           !cmsIsTag(profile, cmsSigDToB0Tag);
}

static bool make_matrix(struct image_colour *colour, cmsHPROFILE profile)
{
    static const cmsTagSignature colorants[] = {
        cmsSigRedColorantTag, cmsSigGreenColorantTag, cmsSigBlueColorantTag};
    static const cmsTagSignature curves[] = {
        cmsSigRedTRCTag, cmsSigGreenTRCTag, cmsSigBlueTRCTag};

    for (int c = 0; c < 3; c++) {
        const cmsCIEXYZ *xyz = cmsReadTag(profile, colorants[c]);
        const cmsToneCurve *curve = cmsReadTag(profile, curves[c]);

        if (!xyz || !curve)
            return false;
        for (int level = 0; level < 256; level++) {
            float light = cmsEvalToneCurveFloat(curve, (float)level / 255);

            if (!(light > 0)) /* nor a number */
                light = 0;
            if (light > 1)
                light = 1;
            for (int i = 0; i < 3; i++)
                colour->share[c][level][i] = to_share(
                    light *
                    (srgb_of_xyz[i][0] * xyz->X + srgb_of_xyz[i][1] * xyz->Y +
                     srgb_of_xyz[i][2] * xyz->Z));
        }
    }
    make_level_of(colour->level_of);
    colour->kind = MATRIX;
    return true;
}

static void convert_by_matrix(const struct image_colour *colour,
                              uint8_t *pixels, size_t count, unsigned channels)
{
    const int32_t half = 1 << (FRACTION_BITS - 1);

    for (; count > 0; count--, pixels += channels) {
        const int32_t *red = colour->share[0][pixels[0]];
        const int32_t *green = colour->share[1][pixels[1]];
        const int32_t *blue = colour->share[2][pixels[2]];
        int32_t light[4];

        for (int i = 0; i < 4; i++) {
            light[i] =
                (red[i] + green[i] + blue[i] + half) >> FRACTION_BITS;
            light[i] = light[i] < 0 ? 0 : light[i];
            light[i] = light[i] > LIGHT_MAX ? LIGHT_MAX : light[i];
        }
        for (int i = 0; i < 3; i++)
            pixels[i] = colour->level_of[light[i]];
    }
}

static void convert_by_levels(const struct image_colour *colour,
                              uint8_t *pixels, size_t count, unsigned channels)
{
    for (; count > 0; count--, pixels += channels)
        memcpy(pixels, colour->grey[pixels[0]], 3);
}

/* `taken` samples of every `channels` come in, and 3 go to every `step`. */
static void convert_by_library(const struct image_colour *colour, uint8_t *out,
                               const uint8_t *in, size_t count, unsigned taken,
                               unsigned channels, unsigned step)
{
    uint8_t before[4 * BLOCK], after[3 * BLOCK];

    while (count > 0) {
        const size_t num = count < BLOCK ? count : BLOCK;

        for (size_t i = 0; i < num; i++, in += channels)
            memcpy(before + taken * i, in, taken);
        cmsDoTransform(colour->transform, before, after, (cmsUInt32Number)num);
        for (size_t i = 0; i < num; i++, out += step)
            memcpy(out, after + 3 * i, 3);
        count -= num;
    }
}

/* The samples of a profile, as the library has them; 0: of no use here. */
static cmsUInt32Number find_type(cmsHPROFILE profile,
                                 enum image_colour_samples samples)
{
    switch (cmsGetColorSpace(profile)) {
    case cmsSigRgbData:
        return samples == IMAGE_COLOUR_CMYK_INVERTED ? 0 : TYPE_RGB_8;
    case cmsSigGrayData:
        return samples == IMAGE_COLOUR_GREY ? TYPE_GRAY_8 : 0;
    case cmsSigCmykData:
        return samples == IMAGE_COLOUR_CMYK_INVERTED ? TYPE_CMYK_8_REV : 0;
    default:
        return 0;
    }
}

/* Makes a transform, and of grey a table by it. */
static void make_transform(struct image_colour *colour, cmsHPROFILE profile,
                           cmsUInt32Number type)
{
    cmsHPROFILE srgb = cmsCreate_sRGBProfileTHR(colour->context);
    uint8_t levels[256];

    if (srgb)
        colour->transform = cmsCreateTransformTHR(
            colour->context, profile, type, srgb, TYPE_RGB_8, INTENT_PERCEPTUAL, 0);
    if (srgb)
        cmsCloseProfile(srgb);
    if (!colour->transform)
        return;
    colour->kind = LIBRARY;
    if (type != TYPE_GRAY_8)
        return;
    for (int level = 0; level < 256; level++)
        levels[level] = (uint8_t)level;
    cmsDoTransform(colour->transform, levels, colour->grey, 256);
    cmsDeleteTransform(colour->transform);
    colour->transform = NULL;
    colour->kind = LEVELS;
}

/* Whether nothing moves by more than a level, which is what other programs
 * differ by: sRGB, in all its forms. */
static bool is_identity(const struct image_colour *colour)
{
    for (int i = 0; i < 256 + 9 * 9 * 9; i++) {
        const int grid = i - 256;
        uint8_t pixel[3] = {(uint8_t)i, (uint8_t)i, (uint8_t)i};
        uint8_t other[3];

        if (grid >= 0) {
            pixel[0] = (uint8_t)(grid % 9 * 255 / 8);
            pixel[1] = (uint8_t)(grid / 9 % 9 * 255 / 8);
            pixel[2] = (uint8_t)(grid / 81 * 255 / 8);
        }
        if (grid >= 0 && colour->kind == LEVELS)
            break;
        memcpy(other, pixel, 3);
        image_colour_convert(colour, other, 1, 3);
        for (int c = 0; c < 3; c++)
            if (abs(other[c] - pixel[c]) > 1)
                return false;
    }
    return true;
}

static void read_profile(struct image_colour *colour, struct bytes bytes)
{
    cmsHPROFILE profile = cmsOpenProfileFromMemTHR(
        colour->context, bytes.data, (cmsUInt32Number)bytes.len);
    cmsUInt32Number type;

    if (!profile)
        return;
    type = find_type(profile, colour->samples);
    if (type != 0 && !(is_matrix(profile) && make_matrix(colour, profile)))
        make_transform(colour, profile, type);
    cmsCloseProfile(profile);
    if (colour->samples != IMAGE_COLOUR_CMYK_INVERTED &&
        colour->kind != AS_IT_IS && is_identity(colour))
        colour->kind = AS_IT_IS;
}

/* The profile is kept for the next picture, unless it is a long one. */
static bool keep_bytes(struct image_colour *colour, struct bytes profile,
                       struct error *err)
{
    if (profile.len > MAX_KEPT)
        return true;
    colour->profile = malloc(profile.len);
    if (!colour->profile)
        return fail(err, ERROR_MEMORY, "no memory for a colour profile");
    memcpy(colour->profile, profile.data, profile.len);
    colour->profile_len = profile.len;
    return true;
}

static void release_context(struct image_colour *colour)
{
    if (colour->transform)
        cmsDeleteTransform(colour->transform);
    if (colour->context)
        cmsDeleteContext(colour->context);
    colour->transform = NULL;
    colour->context = NULL;
}

static struct image_colour *new_colour(struct bytes profile,
                                       enum image_colour_samples samples,
                                       struct error *err)
{
    struct image_colour *colour = calloc(1, sizeof *colour);

    if (!colour) {
        fail(err, ERROR_MEMORY, "no memory for a colour profile");
        return NULL;
    }
    colour->samples = samples;
    colour->allowance.left = MAX_MEMORY;
    colour->context = new_context(&colour->allowance);
    if (colour->context)
        read_profile(colour, profile);
    if (!colour->context || colour->allowance.failed) {
        fail(err, ERROR_MEMORY, "no memory for a colour profile");
        image_colour_free(colour);
        return NULL;
    }
    if (colour->kind != LIBRARY)
        release_context(colour);
    if (!keep_bytes(colour, profile, err)) {
        image_colour_free(colour);
        return NULL;
    }
    return colour;
}

static bool is_of(const struct image_colour *colour, struct bytes profile,
                  enum image_colour_samples samples)
{
    return colour && colour->samples == samples && colour->profile &&
           colour->profile_len == profile.len &&
           memcmp(colour->profile, profile.data, profile.len) == 0;
}

bool image_colour_find(const struct image_colour **colour,
                       struct image_colour **kept, struct bytes profile,
                       enum image_colour_samples samples, struct error *err)
{
    *colour = NULL;
    if (profile.len < HEADER_LEN || profile.len > IMAGE_COLOUR_MAX_LEN)
        return true;
    if (!is_of(*kept, profile, samples)) {
        image_colour_free(*kept);
        *kept = new_colour(profile, samples, err);
        if (!*kept)
            return false;
    }
    if ((*kept)->kind != AS_IT_IS)
        *colour = *kept;
    return true;
}

void image_colour_convert(const struct image_colour *colour, uint8_t *pixels,
                          size_t count, unsigned channels)
{
    switch (colour->kind) {
    case AS_IT_IS:
        break;
    case MATRIX:
        convert_by_matrix(colour, pixels, count, channels);
        break;
    case LEVELS:
        convert_by_levels(colour, pixels, count, channels);
        break;
    case LIBRARY:
        convert_by_library(colour, pixels, pixels, count, 3, channels,
                           channels);
        break;
    }
}

void image_colour_convert_ink(const struct image_colour *colour, uint8_t *out,
                              const uint8_t *ink, size_t count)
{
    convert_by_library(colour, out, ink, count, 4, 4, 3);
}

void image_colour_trim(struct image_colour **kept)
{
    if (*kept && ((*kept)->kind == LIBRARY || !(*kept)->profile)) {
        image_colour_free(*kept);
        *kept = NULL;
    }
}

void image_colour_free(struct image_colour *colour)
{
    if (!colour)
        return;
    release_context(colour);
    free(colour->profile);
    free(colour);
}
