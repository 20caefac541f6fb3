#include "engine/image/image_colour.h"

#include <lcms2.h>
#include <lcms2_plugin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* The most memory that the library may use for one profile. */
    MAX_MEMORY = 2 * IMAGE_COLOUR_MAX_LEN,

    MAX_KEPT =
        64 << 10, /* bytes of a profile that is kept; few have more than 4 KB */
    HEADER_LEN = 128, /* bytes; every profile has a header */

    /* Linear light from black to white as an integer, fine enough that a step
     * in the dark is less than half a level. */
    LIGHT_BITS = 13,
    LIGHT_MAX = 1 << LIGHT_BITS,
    FRACTION_BITS = 10,
    MAX_SHARE =
        1 << 28, /* of linear light; three of them fit into an int32_t */
};

enum kind {
    AS_IT_IS, /* sRGB, broken, or not applicable to these samples */
    MATRIX,
    LEVELS,
};

/* A block of the library's memory; this header stands before it. */
struct piece {
    struct piece *before, *after; /* a ring */
    size_t len;
};

/* The memory that the library may still use, and the blocks that it has: it
 * does not free all of them if a profile is broken or memory runs out. */
struct budget {
    size_t left;
    bool failed;       /* out of memory, as opposed to out of budget */
    struct piece ring; /* the head of the ring, not a block itself */
};

enum { PIECE_LEN = (sizeof(struct piece) + 15) & ~15 };

struct image_colour {
    uint8_t *profile; /* (profile_len); owned */
    size_t profile_len;
    bool grey_samples;
    enum kind kind;
    /* MATRIX: what each level of each sample adds to the linear light of sRGB's
     * red, green and blue, in units of 1 / (1 << (LIGHT_BITS +
     * FRACTION_BITS)). */
    int32_t share[3][256][4];
    uint8_t level_of[LIGHT_MAX + 1]; /* sRGB's level for each value of light */
    uint8_t grey[256];               /* LEVELS */
};

static void link_piece(struct piece *piece, struct piece *ring)
{
    piece->before = ring;
    piece->after = ring->after;
    piece->after->before = piece;
    ring->after = piece;
}

static void unlink_piece(struct piece *piece)
{
    piece->before->after = piece->after;
    piece->after->before = piece->before;
    piece->before = piece->after = piece;
}

static struct piece *piece_of(void *memory)
{
    return (struct piece *)(void *)((uint8_t *)memory - PIECE_LEN);
}

/* The first block is for the context itself, before it knows its budget: it is
 * a ring of its own. */
static void *get_memory(cmsContext context, cmsUInt32Number len)
{
    struct budget *budget = cmsGetContextUserData(context);
    struct piece *piece;

    if (budget && len > budget->left)
        return NULL;
    piece = malloc(PIECE_LEN + (size_t)len);
    if (!piece) {
        if (budget)
            budget->failed = true;
        return NULL;
    }
    piece->len = len;
    piece->before = piece->after = piece;
    if (budget) {
        budget->left -= len;
        link_piece(piece, &budget->ring);
    }
    return (uint8_t *)piece + PIECE_LEN;
}

static void give_memory_back(cmsContext context, void *memory)
{
    struct piece *piece;

    (void)context;
    if (!memory)
        return;
    piece = piece_of(memory);
    unlink_piece(piece);
    free(piece);
}

static void *get_more_memory(cmsContext context, void *memory,
                             cmsUInt32Number len)
{
    void *more = get_memory(context, len);
    size_t old_len;

    if (!more || !memory)
        return more;
    old_len = piece_of(memory)->len;
    memcpy(more, memory, old_len < len ? old_len : len);
    give_memory_back(context, memory);
    return more;
}

/* Frees what the library has left behind. */
static void free_pieces(struct budget *budget)
{
    while (budget->ring.after != &budget->ring) {
        struct piece *piece = budget->ring.after;

        unlink_piece(piece);
        free(piece);
    }
}

static void *get_mutex(cmsContext context)
{
    return context; /* any pointer but NULL */
}

static void give_mutex_back(cmsContext context, void *mutex)
{
    (void)context;
    (void)mutex;
}

static cmsBool lock_mutex(cmsContext context, void *mutex)
{
    (void)context;
    (void)mutex;
    return TRUE;
}

/* Contexts are used by one thread at a time and need no mutex; the library's
 * own mutex functions do not survive a lack of memory. */
static cmsContext new_context(struct budget *budget)
{
    cmsPluginMutex mutex = {
        .base = {.Magic = cmsPluginMagicNumber,
                 .ExpectedVersion = 2060,
                 .Type = cmsPluginMutexSig},
        .CreateMutexPtr = get_mutex,
        .DestroyMutexPtr = give_mutex_back,
        .LockMutexPtr = lock_mutex,
        .UnlockMutexPtr = give_mutex_back,
    };
    cmsPluginMemHandler memory = {
        .base = {.Magic = cmsPluginMagicNumber,
                 .ExpectedVersion = 2000,
                 .Type = cmsPluginMemHandlerSig,
                 .Next = &mutex.base},
        .MallocPtr = get_memory,
        .FreePtr = give_memory_back,
        .ReallocPtr = get_more_memory,
    };

    return cmsCreateContext(&memory, budget);
}

/* From XYZ as in profiles (white is D50) to linear light of sRGB's primaries:
 * the inverse of the matrix in the ICC's own profile. */
static const double srgb_of_xyz[3][3] = {
    {3.13411215, -1.61739246, -0.49063340},
    {-0.97878729, 1.91627959, 0.03345471},
    {0.07198304, -0.22898585, 1.40538513},
};

/* IEC 61966-2-1. Both values are from 0 to 1. */
static double srgb_to_light(double level)
{
    return level <= 0.04045 ? level / 12.92 : pow((level + 0.055) / 1.055, 2.4);
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

/* The curve's value at a level, 0 to 1. */
static double eval(const cmsToneCurve *curve, int level)
{
    const float value = cmsEvalToneCurveFloat(curve, (float)level / 255);

    return value > 1 ? 1 : value > 0 ? value : 0; /* NaN becomes 0 */
}

/* Three-dimensional tables, which a few profiles have in addition or instead,
 * are ignored. */
static void make_matrix(struct image_colour *colour, cmsHPROFILE profile)
{
    static const cmsTagSignature colorants[] = {
        cmsSigRedColorantTag, cmsSigGreenColorantTag, cmsSigBlueColorantTag};
    static const cmsTagSignature curves[] = {cmsSigRedTRCTag, cmsSigGreenTRCTag,
                                             cmsSigBlueTRCTag};

    for (int c = 0; c < 3; c++) {
        const cmsCIEXYZ *xyz = cmsReadTag(profile, colorants[c]);
        const cmsToneCurve *curve = cmsReadTag(profile, curves[c]);

        if (!xyz || !curve)
            return;
        for (int level = 0; level < 256; level++) {
            const double light = eval(curve, level);

            for (int i = 0; i < 3; i++)
                colour->share[c][level][i] =
                    to_share(light * (srgb_of_xyz[i][0] * xyz->X +
                                      srgb_of_xyz[i][1] * xyz->Y +
                                      srgb_of_xyz[i][2] * xyz->Z));
        }
    }
    make_level_of(colour->level_of);
    colour->kind = MATRIX;
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
            light[i] = (red[i] + green[i] + blue[i] + half) >> FRACTION_BITS;
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
        memset(pixels, colour->grey[pixels[0]], 3);
}

/* A grey curve leads to linear light, or to CIE lightness. */
static double lightness_to_light(double lightness)
{
    const double root = (100 * lightness + 16) / 116;

    return root > 6.0 / 29 ? root * root * root
                           : (root - 4.0 / 29) * 3 * (6.0 / 29) * (6.0 / 29);
}

static void make_levels(struct image_colour *colour, cmsHPROFILE profile)
{
    const bool lab = cmsGetPCS(profile) == cmsSigLabData;
    const cmsToneCurve *curve = cmsReadTag(profile, cmsSigGrayTRCTag);

    if (!curve)
        return;
    make_level_of(colour->level_of);
    for (int level = 0; level < 256; level++) {
        const double value = eval(curve, level);
        const double light = lab ? lightness_to_light(value) : value;

        colour->grey[level] = colour->level_of[lrint(light * LIGHT_MAX)];
    }
    colour->kind = LEVELS;
}

/* All levels of grey, and 9 x 9 x 9 colours. */
enum { NUM_SAMPLES = 256 + 9 * 9 * 9 };

static void make_sample(uint8_t pixel[3], int i)
{
    const int grid = i - 256;

    memset(pixel, i, 3);
    if (grid < 0)
        return;
    pixel[0] = (uint8_t)(grid % 9 * 255 / 8);
    pixel[1] = (uint8_t)(grid / 9 % 9 * 255 / 8);
    pixel[2] = (uint8_t)(grid / 81 * 255 / 8);
}

/* Whether no sample changes by more than one level, as other programs differ by
 * as much: this catches sRGB in all its forms. */
static bool is_identity(const struct image_colour *colour)
{
    for (int i = 0; i < (colour->kind == LEVELS ? 256 : NUM_SAMPLES); i++) {
        uint8_t before[3], after[3];

        make_sample(before, i);
        memcpy(after, before, 3);
        image_colour_convert(colour, after, 1, 3);
        for (int c = 0; c < 3; c++)
            if (abs(after[c] - before[c]) > 1)
                return false;
    }
    return true;
}

static void read_profile(struct image_colour *colour, cmsHPROFILE profile)
{
    switch (cmsGetColorSpace(profile)) {
    case cmsSigRgbData:
        if (cmsGetPCS(profile) == cmsSigXYZData)
            make_matrix(colour, profile);
        break;
    case cmsSigGrayData:
        if (colour->grey_samples)
            make_levels(colour, profile);
        break;
    default:
        break;
    }
    if (colour->kind != AS_IT_IS && is_identity(colour))
        colour->kind = AS_IT_IS;
}

/* Returns false if there was not enough memory. A broken profile leaves the
 * samples unchanged. */
static bool open_profile(struct image_colour *colour, struct bytes bytes)
{
    struct budget budget = {.left = MAX_MEMORY};
    cmsContext context;
    cmsHPROFILE profile = NULL;

    budget.ring.before = budget.ring.after = &budget.ring;
    context = new_context(&budget);
    if (!context)
        budget.failed = true;
    else
        profile = cmsOpenProfileFromMemTHR(context, bytes.data,
                                           (cmsUInt32Number)bytes.len);
    if (profile) {
        read_profile(colour, profile);
        cmsCloseProfile(profile);
    }
    if (context)
        cmsDeleteContext(context);
    free_pieces(&budget);
    return !budget.failed;
}

/* Keeps the profile for the next image, unless it is long. */
static bool keep_bytes(struct image_colour *colour, struct bytes profile,
                       struct error *err)
{
    if (profile.len > MAX_KEPT)
        return true;
    colour->profile = malloc(profile.len);
    if (!colour->profile)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for a colour profile");
    memcpy(colour->profile, profile.data, profile.len);
    colour->profile_len = profile.len;
    return true;
}

static struct image_colour *new_colour(struct bytes profile, bool grey,
                                       struct error *err)
{
    struct image_colour *colour = calloc(1, sizeof *colour);

    if (!colour) {
        fail(err, ERROR_MEMORY, "not enough memory for a colour profile");
        return NULL;
    }
    colour->grey_samples = grey;
    if (!open_profile(colour, profile)) {
        fail(err, ERROR_MEMORY, "not enough memory for a colour profile");
        image_colour_free(colour);
        return NULL;
    }
    if (!keep_bytes(colour, profile, err)) {
        image_colour_free(colour);
        return NULL;
    }
    return colour;
}

static bool is_of(const struct image_colour *colour, struct bytes profile,
                  bool grey)
{
    return colour && colour->grey_samples == grey && colour->profile &&
           colour->profile_len == profile.len &&
           memcmp(colour->profile, profile.data, profile.len) == 0;
}

bool image_colour_find(const struct image_colour **colour,
                       struct image_colour **kept, struct bytes profile,
                       bool grey, struct error *err)
{
    *colour = NULL;
    if (profile.len < HEADER_LEN || profile.len > IMAGE_COLOUR_MAX_LEN)
        return true;
    if (!is_of(*kept, profile, grey)) {
        image_colour_free(*kept);
        *kept = new_colour(profile, grey, err);
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
    if (colour->kind == MATRIX)
        convert_by_matrix(colour, pixels, count, channels);
    else if (colour->kind == LEVELS)
        convert_by_levels(colour, pixels, count, channels);
}

void image_colour_free(struct image_colour *colour)
{
    if (!colour)
        return;
    free(colour->profile);
    free(colour);
}
