/* Follows the WebP lossless bitstream specification. */
#include "engine/image/image_vp8l.h"

#include <string.h>

enum {
    MAX_GROUPS = 2600, /* libwebp's encoder never makes more blocks than that */

    SIGNATURE = 0x2f,
    MAX_LENGTH = 15, /* bits of a code word */
    QUICK_BITS = 8,
    QUICK_LENGTH = 12, /* bits below the length in an entry of `quick` */
    NUM_LITERALS = 256,
    NUM_COPIES = 24, /* symbols for the length of a copy */
    NUM_DISTANCES = 40,
    MAX_CACHE_BITS = 11,
    MAX_SYMBOLS = NUM_LITERALS + NUM_COPIES + (1 << MAX_CACHE_BITS),
    NUM_LENGTHS = 19, /* symbols that code the lengths of code words */
    REPEAT_LAST = 16, /* repeat the last length 3 to 6 times */
    REPEAT_ZERO = 17, /* 3 to 10 zeros; the next symbol, 11 to 138 */
};

enum transform { PREDICTOR, CROSS_COLOR, SUBTRACT_GREEN, COLOR_INDEXING };
enum channel { GREEN, RED, BLUE, ALPHA, DISTANCE, NUM_CODES };

/* A bit reader, from the lowest bit of each byte up. */
struct bits {
    struct bytes bytes;
    uint64_t next;  /* bits already taken from `bytes` */
    unsigned count; /* the number of these bits */
    bool ended;     /* more bits were read than there are; they read as 0 */
};

static void fill(struct bits *bits)
{
    while (bits->count <= 32) {
        if (bits->bytes.len > 0) {
            bits->next |= (uint64_t)*bits->bytes.data++ << bits->count;
            bits->bytes.len--;
        } else if (bits->count == 0) {
            bits->ended = true;
            bits->count = 64;
            return;
        } else {
            return;
        }
        bits->count += 8;
    }
}

static unsigned read_bits(struct bits *bits, unsigned count)
{
    unsigned value;

    if (bits->count < count)
        fill(bits);
    value = (unsigned)(bits->next & ((UINT64_C(1) << count) - 1));
    if (bits->count < count) { /* the bits end here */
        bits->ended = true;
        bits->count = 64;
    }
    bits->next >>= count;
    bits->count -= count;
    return value;
}

/* A canonical prefix code: its symbols in order, and how many have each
 * length. */
struct code {
    uint16_t counts[MAX_LENGTH + 1];
    uint16_t symbols[MAX_SYMBOLS];
    /* Length and symbol for the next 8 bits, for code words that are not
     * longer. */
    uint16_t quick[1 << QUICK_BITS];
    bool is_one; /* there is one symbol only, and it takes no bits */
};

static void make_quick(struct code *code)
{
    unsigned value = 0, index = 0;

    memset(code->quick, 0, sizeof code->quick);
    for (unsigned n = 1; n <= QUICK_BITS; n++, value *= 2)
        for (unsigned i = 0; i < code->counts[n]; i++, value++, index++) {
            unsigned turned = 0; /* the first bit is the lowest */

            for (unsigned bit = 0; bit < n; bit++)
                turned |= (value >> bit & 1) << (n - 1 - bit);
            for (; turned < 1 << QUICK_BITS; turned += 1u << n)
                code->quick[turned] =
                    (uint16_t)(n << QUICK_LENGTH | code->symbols[index]);
        }
}

/* Returns false if the lengths do not make up a complete code. */
static bool make_code(struct code *code, const uint8_t *lengths, unsigned num)
{
    unsigned offsets[MAX_LENGTH + 2] = {0};
    unsigned left = 1, used = 0;

    memset(code->counts, 0, sizeof code->counts);
    for (unsigned i = 0; i < num; i++) {
        code->counts[lengths[i]]++;
        used += lengths[i] > 0;
    }
    code->counts[0] = 0;
    for (unsigned n = 1; n <= MAX_LENGTH; n++)
        offsets[n + 1] = offsets[n] + code->counts[n];
    for (unsigned i = 0; i < num; i++)
        if (lengths[i] > 0)
            code->symbols[offsets[lengths[i]]++] = (uint16_t)i;
    code->is_one = used == 1;
    if (used <= 1)
        return used == 1;
    for (unsigned n = 1; n <= MAX_LENGTH; n++) {
        left *= 2;
        if (left < code->counts[n])
            return false;
        left -= code->counts[n];
    }
    if (left > 0)
        return false;
    make_quick(code);
    return true;
}

static unsigned read_symbol(struct bits *bits, const struct code *code)
{
    unsigned value = 0, first = 0, index = 0, quick;

    if (code->is_one)
        return code->symbols[0];
    if (bits->count < MAX_LENGTH)
        fill(bits);
    quick = code->quick[bits->next & ((1 << QUICK_BITS) - 1)];
    if (quick && quick >> QUICK_LENGTH <= bits->count) {
        bits->next >>= quick >> QUICK_LENGTH;
        bits->count -= quick >> QUICK_LENGTH;
        return quick & ((1 << QUICK_LENGTH) - 1);
    }
    for (unsigned n = 1; n <= MAX_LENGTH; n++) {
        value = value << 1 | read_bits(bits, 1);
        first <<= 1;
        if (value - first < code->counts[n])
            return code->symbols[index + value - first];
        first += code->counts[n];
        index += code->counts[n];
    }
    return 0; /* not reached with a complete code */
}

static bool read_lengths(struct bits *bits, uint8_t *lengths, unsigned num)
{
    static const uint8_t order[NUM_LENGTHS] = {
        17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    uint8_t own[NUM_LENGTHS] = {0};
    struct code code;
    const unsigned num_own = 4 + read_bits(bits, 4);
    unsigned tokens = num, at = 0, last = 8;

    for (unsigned i = 0; i < num_own; i++)
        own[order[i]] = (uint8_t)read_bits(bits, 3);
    if (!make_code(&code, own, NUM_LENGTHS))
        return false;
    if (read_bits(bits, 1))
        tokens = 2 + read_bits(bits, 2 + 2 * read_bits(bits, 3));
    if (tokens > num)
        return false;
    for (; at < num && tokens > 0; tokens--) {
        const unsigned length = read_symbol(bits, &code);
        unsigned times = 1, repeated = length;

        if (length == REPEAT_LAST) {
            times = 3 + read_bits(bits, 2);
            repeated = last;
        } else if (length == REPEAT_ZERO) {
            times = 3 + read_bits(bits, 3);
            repeated = 0;
        } else if (length > REPEAT_ZERO) {
            times = 11 + read_bits(bits, 7);
            repeated = 0;
        } else if (length > 0) {
            last = length;
        }
        if (times > num - at)
            return false;
        memset(lengths + at, (int)repeated, times);
        at += times;
    }
    return true;
}

static bool read_code(struct bits *bits, struct code *code, unsigned num)
{
    uint8_t lengths[MAX_SYMBOLS] = {0};

    if (read_bits(bits, 1)) { /* one symbol, or two with 1 bit each */
        const bool two = read_bits(bits, 1);

        lengths[read_bits(bits, read_bits(bits, 1) ? 8 : 1)] = 1;
        if (two)
            lengths[read_bits(bits, 8)] = 1;
    } else if (!read_lengths(bits, lengths, num)) {
        return false;
    }
    return make_code(code, lengths, num);
}

/* An integer that is coded as a symbol and extra bits. */
static uint64_t read_number(struct bits *bits, unsigned symbol)
{
    unsigned extra;

    if (symbol < 4)
        return symbol + 1;
    extra = (symbol - 2) >> 1;
    return ((uint64_t)(2 + (symbol & 1)) << extra) + read_bits(bits, extra) + 1;
}

/* Reads the size of the colour cache, 0 if there is none; false if the size is
 * not valid. */
static bool read_cache(struct bits *bits, unsigned *size)
{
    unsigned cache_bits;

    *size = 0;
    if (!read_bits(bits, 1))
        return true;
    cache_bits = read_bits(bits, 4);
    *size = 1u << cache_bits;
    return cache_bits >= 1 && cache_bits <= MAX_CACHE_BITS;
}

/* Reads the codes of one group. */
static bool read_group(struct bits *bits, struct code *codes, unsigned cache)
{
    for (int i = 0; i < NUM_CODES; i++)
        if (!read_code(bits, &codes[i],
                       i == GREEN      ? NUM_LITERALS + NUM_COPIES + cache
                       : i == DISTANCE ? NUM_DISTANCES
                                       : NUM_LITERALS))
            return false;
    return true;
}

/* Reads one of the images before the main image, which have a single group of
 * codes. Sets `largest` to the largest value of red and green together. */
static bool read_subimage(struct bits *bits, unsigned *largest, uint64_t width,
                          uint64_t height)
{
    struct code codes[NUM_CODES];
    const uint64_t count = width * height;
    unsigned cache;

    *largest = 0;
    if (!read_cache(bits, &cache) || !read_group(bits, codes, cache))
        return false;
    for (uint64_t i = 0; i < count && !bits->ended;) {
        const unsigned green = read_symbol(bits, &codes[GREEN]);

        if (green < NUM_LITERALS) {
            const unsigned both = read_symbol(bits, &codes[RED]) << 8 | green;

            read_symbol(bits, &codes[BLUE]);
            read_symbol(bits, &codes[ALPHA]);
            *largest = both > *largest ? both : *largest;
            i++;
        } else if (green < NUM_LITERALS + NUM_COPIES) {
            const uint64_t length = read_number(bits, green - NUM_LITERALS);

            read_number(bits, read_symbol(bits, &codes[DISTANCE]));
            if (length > count - i)
                return false;
            i += length;
        } else {
            i++;
        }
    }
    return !bits->ended;
}

/* The number of blocks of 2^block_bits pixels along a side. */
static uint32_t num_blocks(uint32_t side, unsigned block_bits)
{
    return (uint32_t)(((uint64_t)side + (1u << block_bits) - 1) >> block_bits);
}

/* Reads the transforms, which may make an image narrower. Sets a bit in `seen`
 * for each of them. */
static bool read_transforms(struct bits *bits, unsigned *seen, uint32_t *width,
                            uint32_t height)
{
    unsigned largest;

    *seen = 0;
    while (read_bits(bits, 1)) {
        const enum transform transform = (enum transform)read_bits(bits, 2);
        unsigned count, block;

        if (*seen & 1u << transform)
            return false;
        *seen |= 1u << transform;
        switch (transform) {
        case PREDICTOR:
        case CROSS_COLOR:
            block = 2 + read_bits(bits, 3);
            if (!read_subimage(bits, &largest, num_blocks(*width, block),
                               num_blocks(height, block)))
                return false;
            break;
        case SUBTRACT_GREEN:
            break;
        case COLOR_INDEXING:
            count = 1 + read_bits(bits, 8);
            *width = num_blocks(*width, count > 16  ? 0
                                        : count > 4 ? 1
                                        : count > 2 ? 2
                                                    : 3);
            if (!read_subimage(bits, &largest, count, 1))
                return false;
            break;
        }
    }
    return true;
}

/* A predictor depends on the pixel before; and without any transform but a
 * palette, alpha is decoded directly to bytes. */
static unsigned count_ns(unsigned transforms, bool is_alpha)
{
    if (transforms & 1u << PREDICTOR)
        return 8;
    return is_alpha && transforms == 1u << COLOR_INDEXING ? 2 : 4;
}

/* Reads up to the number of groups and the size of their colour cache. */
static bool read_head(struct bits *bits, unsigned *transforms, unsigned *groups,
                      unsigned *cache, uint32_t width, uint32_t height)
{
    unsigned block, largest;

    *groups = 1;
    if (!read_transforms(bits, transforms, &width, height) ||
        !read_cache(bits, cache))
        return false;
    if (!read_bits(bits, 1))
        return true;
    block = 2 + read_bits(bits, 3);
    if (!read_subimage(bits, &largest, num_blocks(width, block),
                       num_blocks(height, block)))
        return false;
    *groups = largest + 1;
    return true;
}

bool image_vp8l_check(unsigned *ns, struct bytes data, uint32_t width,
                      uint32_t height, bool has_header, struct error *err)
{
    struct bits bits = {.bytes = data};
    struct code codes[NUM_CODES];
    unsigned transforms = 0, groups, cache;
    bool ok = true;

    if (has_header) {
        ok = read_bits(&bits, 8) == SIGNATURE;
        width = 1 + read_bits(&bits, 14);
        height = 1 + read_bits(&bits, 14);
        read_bits(&bits, 1);                 /* whether there is alpha */
        ok = read_bits(&bits, 3) == 0 && ok; /* version */
    }
    ok = ok && read_head(&bits, &transforms, &groups, &cache, width, height);
    /* For alpha, libwebp 1.5 reports broken codes as a lack of memory. */
    if (ok && !has_header && groups <= MAX_GROUPS)
        for (unsigned i = 0; ok && i < groups && !bits.ended; i++)
            ok = read_group(&bits, codes, cache);
    if (bits.ended)
        return fail(err, ERROR_INPUT, "the WebP is cut short");
    if (!ok)
        return fail(err, ERROR_INPUT, "the WebP is broken");
    if (groups > MAX_GROUPS)
        return error_limit(
            err, MAX_GROUPS,
            "the WebP has %u groups of prefix codes; at most %d are allowed",
            groups, MAX_GROUPS);
    *ns = count_ns(transforms, !has_header);
    return true;
}
