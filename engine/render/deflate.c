#include "engine/render/deflate.h"

#include <string.h>

#include "engine/render/deflate_code.h"
#include "engine/render/deflate_vbmi.h"
#include "engine/render/deflate_vector.h"

/* Zeros are found in steps of STEP bytes, which needs one comparison for eight
 * bytes. */
enum {
    STEP = 8,
    MAX_RUN = 256,     /* a multiple of STEP; deflate allows 258 */
    SAMPLE_STRIDE = 8, /* one of this many steps is counted */
    ADLER_BASE = 65521,
    ADLER_SPAN = 2048 /* bytes summed between divisions */
};

/* ---- Adler-32 ---- */

/* weighted: at most 255 * 2048 * 2049 / 2, which fits 32 bits. */
static void sum_bytes(uint32_t *sum, uint32_t *weighted, const uint8_t *bytes,
                      size_t len)
{
#ifdef __x86_64__
    if (len % DEFLATE_VECTOR_LEN == 0 && deflate_vector_can()) {
        deflate_vector_sums(sum, weighted, bytes, len);
        return;
    }
#endif
    *sum = *weighted = 0;
    for (size_t i = 0; i < len; i++) {
        *sum += bytes[i];
        *weighted += bytes[i] * (uint32_t)(uint16_t)(len - i);
    }
}

/* a' = a + sum of bytes; b' = b + len a + sum of (len - i) byte[i]. */
static void adler_update(struct deflate *deflate, const uint8_t *bytes,
                         size_t len)
{
    for (size_t done = 0; done < len;) {
        size_t num = len - done < ADLER_SPAN ? len - done : ADLER_SPAN;
        uint32_t sum, weighted;

        sum_bytes(&sum, &weighted, bytes + done, num);
        deflate->b =
            (uint32_t)((deflate->b + (uint64_t)num * deflate->a + weighted) %
                       ADLER_BASE);
        deflate->a = (deflate->a + sum) % ADLER_BASE;
        done += num;
    }
}

/* ---- bits ---- */

static void put(struct deflate *deflate, uint32_t bits, unsigned len)
{
    deflate->bits |= (uint64_t)bits << deflate->num_bits;
    deflate->num_bits += len;
}

/* Writes the whole bytes; always stores eight. */
static uint8_t *flush(struct deflate *deflate, uint8_t *out)
{
    uint64_t bits = deflate->bits;

    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(bits >> (8 * i));
    out += deflate->num_bits / 8;
    deflate->bits = bits >> (deflate->num_bits & ~7u);
    deflate->num_bits &= 7;
    return out;
}

/* ---- runs of zeros ---- */

static bool is_zero_step(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof word);
    return word == 0;
}

/* The length of the zeros at `bytes`, a multiple of STEP; the first step is
 * known to be zeros. */
static size_t run_len(const uint8_t *bytes, size_t len)
{
    size_t limit = len < MAX_RUN ? len : MAX_RUN;
    size_t run = STEP;

    while (run + STEP <= limit && is_zero_step(bytes + run))
        run += STEP;
    return run;
}

/* The symbol of a length from 3 to 257, and how many extra bits it has: the
 * low bits of length - 3 (RFC 1951, section 3.2.5). */
static unsigned length_symbol(unsigned length, unsigned *extra)
{
    unsigned over = length - 3;

    *extra = 0;
    while (over >> *extra > 7)
        ++*extra;
    return 257 + 4 * *extra + (over >> *extra);
}

/* ---- counts ---- */

/* Two tables, so that equal neighbours do not wait for one another. */
static void count_step(uint32_t tables[2][256], const uint8_t *bytes)
{
    for (size_t i = 0; i < STEP; i += 2) {
        tables[0][bytes[i]]++;
        tables[1][bytes[i + 1]]++;
    }
}

/* Whether the next SAMPLE_STRIDE steps are there and none of them is zeros. */
static bool has_no_runs(const uint8_t *bytes, size_t len)
{
#ifdef __x86_64__
    if (len >= SAMPLE_STRIDE * STEP && deflate_vector_can())
        return !deflate_vector_has_zeros(bytes, SAMPLE_STRIDE * STEP);
#endif
    (void)bytes;
    (void)len;
    return false;
}

/* Counts the symbols of one step in SAMPLE_STRIDE, and all symbols of runs,
 * which are few. */
static void count_symbols(uint32_t counts[DEFLATE_NUM_SYMBOLS],
                          const uint8_t *bytes, size_t len)
{
    uint32_t tables[2][256] = {{0}};
    unsigned extra, turn = 0;
    size_t at = 0;

    memset(counts, 0, DEFLATE_NUM_SYMBOLS * sizeof *counts);
    while (at + STEP <= len) {
        if (turn % SAMPLE_STRIDE == 0 && has_no_runs(bytes + at, len - at)) {
            count_step(tables, bytes + at);
            at += SAMPLE_STRIDE * STEP;
            continue;
        }
        if (is_zero_step(bytes + at)) {
            size_t run = run_len(bytes + at, len - at);

            counts[0] += SAMPLE_STRIDE;
            counts[length_symbol((unsigned)run - 1, &extra)] += SAMPLE_STRIDE;
            at += run;
            continue;
        }
        if (turn++ % SAMPLE_STRIDE == 0)
            count_step(tables, bytes + at);
        at += STEP;
    }
    for (size_t i = 0; i < 256; i++)
        counts[i] += SAMPLE_STRIDE * (tables[0][i] + tables[1][i]);
}

/* ---- a block ---- */

/* The block's header (RFC 1951, section 3.2.7). The code lengths are written
 * with a code of 4 bits each, which is complete; a better one would save about
 * a hundred bytes per block. */
static uint8_t *put_header(struct deflate *deflate, uint8_t *out,
                           const struct deflate_code codes[DEFLATE_NUM_SYMBOLS],
                           bool last)
{
    put(deflate, last, 1);
    put(deflate, 2, 2);                         /* dynamic codes */
    put(deflate, DEFLATE_NUM_SYMBOLS - 257, 5); /* literals and lengths */
    put(deflate, 1 - 1, 5);                     /* distances */
    put(deflate, 19 - 4, 4);                    /* code lengths */
    out = flush(deflate, out);
    for (unsigned i = 0; i < 19; i++) {
        put(deflate, i < 3 ? 0 : 4, 3); /* 16, 17, 18 unused, 0..15 used */
        out = flush(deflate, out);
    }
    for (unsigned i = 0; i < DEFLATE_NUM_SYMBOLS; i++) {
        put(deflate, deflate_code_reversed(codes[i].len, 4), 4);
        out = flush(deflate, out);
    }
    put(deflate, deflate_code_reversed(1, 4),
        4); /* the only distance, 1, has one bit */
    return flush(deflate, out);
}

/* A run: a zero, then a copy from one byte back. */
static uint8_t *put_run(struct deflate *deflate, uint8_t *out,
                        const struct deflate_code *codes, size_t run)
{
    unsigned extra;
    unsigned symbol = length_symbol((unsigned)run - 1, &extra);
    uint32_t over = (uint32_t)run - 1 - 3;

    put(deflate, codes[0].bits, codes[0].len);
    put(deflate, codes[symbol].bits, codes[symbol].len);
    put(deflate, over & ((1u << extra) - 1), extra);
    put(deflate, 0, 1);
    return flush(deflate, out);
}

/* Eight literals. Codes are joined in pairs first, so that the additions do
 * not wait for one another. */
static uint8_t *put_step(struct deflate *deflate, uint8_t *out,
                         const struct deflate_code *codes, const uint8_t *bytes)
{
    for (size_t half = 0; half < STEP; half += 4) {
        struct deflate_code c0 = codes[bytes[half]],
                            c1 = codes[bytes[half + 1]];
        struct deflate_code c2 = codes[bytes[half + 2]],
                            c3 = codes[bytes[half + 3]];
        uint64_t low = c0.bits | (uint64_t)c1.bits << c0.len;
        uint64_t high = c2.bits | (uint64_t)c3.bits << c2.len;
        unsigned low_len = c0.len + c1.len;

        deflate->bits |= (low | high << low_len) << deflate->num_bits;
        deflate->num_bits += low_len + c2.len + c3.len;
        out = flush(deflate, out);
    }
    return out;
}

/* Writes the next run or step. Returns how many bytes that was. */
static size_t put_next(struct deflate *deflate, uint8_t **out,
                       const struct deflate_code *codes, const uint8_t *bytes,
                       size_t len)
{
    size_t run;

    if (!is_zero_step(bytes)) {
        *out = put_step(deflate, *out, codes, bytes);
        return STEP;
    }
    run = run_len(bytes, len);
    *out = put_run(deflate, *out, codes, run);
    return run;
}

/* What the vectors of this processor need of the codes. */
struct vectors {
#ifdef __x86_64__
    bool is_there, is_wide;
    struct deflate_vector narrow;
    struct deflate_vbmi wide;
#endif
};

static void init_vectors(struct vectors *vectors,
                         const struct deflate_code *codes)
{
#ifdef __x86_64__
    vectors->is_there = deflate_vector_can();
    vectors->is_wide = deflate_vbmi_can();
    if (vectors->is_there)
        deflate_vector_init(&vectors->narrow, codes);
    if (vectors->is_wide)
        deflate_vbmi_init(&vectors->wide, codes);
#else
    (void)vectors;
    (void)codes;
#endif
}

/* Writes what vectors can, from the beginning on; sets *num to how much that
 * was. */
static uint8_t *put_vectors(struct deflate *deflate, size_t *num, uint8_t *out,
                            const struct vectors *vectors, const uint8_t *bytes,
                            size_t len)
{
    *num = 0;
#ifdef __x86_64__
    if (vectors->is_wide)
        out = deflate_vbmi_put(&vectors->wide, num, out, &deflate->bits,
                               &deflate->num_bits, bytes, len);
    if (vectors->is_there) {
        size_t more;

        out = deflate_vector_put(&vectors->narrow, &more, out, &deflate->bits,
                                 &deflate->num_bits, bytes + *num, len - *num);
        *num += more;
    }
#else
    (void)deflate;
    (void)vectors;
    (void)bytes;
    (void)len;
#endif
    return out;
}

static uint8_t *put_bytes(struct deflate *stream, uint8_t *out,
                          const struct deflate_code *codes,
                          const uint8_t *bytes, size_t len)
{
    struct deflate deflate = *stream; /* a local stays in registers */
    size_t at = 0;
    struct vectors vectors;

    init_vectors(&vectors, codes);
    while (at + STEP <= len) {
        size_t num;

        out = put_vectors(&deflate, &num, out, &vectors, bytes + at, len - at);
        at += num;
        if (at + STEP <= len)
            at += put_next(&deflate, &out, codes, bytes + at, len - at);
    }
    for (; at < len; at++) {
        put(&deflate, codes[bytes[at]].bits, codes[bytes[at]].len);
        out = flush(&deflate, out);
    }
    put(&deflate, codes[DEFLATE_END_OF_BLOCK].bits,
        codes[DEFLATE_END_OF_BLOCK].len);
    out = flush(&deflate, out);
    *stream = deflate;
    return out;
}

static uint8_t *put_end(struct deflate *deflate, uint8_t *out)
{
    if (deflate->num_bits > 0)
        *out++ = (uint8_t)deflate->bits;
    *out++ = (uint8_t)(deflate->b >> 8);
    *out++ = (uint8_t)deflate->b;
    *out++ = (uint8_t)(deflate->a >> 8);
    *out++ = (uint8_t)deflate->a;
    return out;
}

size_t deflate_bound(size_t len)
{
    /* every byte with a longest code, plus headers, ends and stores past the
     * end */
    return len + len / 8 * (DEFLATE_MAX_BITS - 8) + 512;
}

uint8_t *deflate_block(struct deflate *deflate, uint8_t *restrict out,
                       const uint8_t *restrict bytes, size_t len, bool last)
{
    uint32_t counts[DEFLATE_NUM_SYMBOLS];
    struct deflate_code codes[DEFLATE_NUM_SYMBOLS];

    if (!deflate->begun) {
        *out++ = 0x78; /* RFC 1950: deflate, a window of 32 KB */
        *out++ = 0x01; /* the fastest of four levels */
        deflate->begun = true;
        deflate->a = 1;
    }
    adler_update(deflate, bytes, len);
    count_symbols(counts, bytes, len);
    deflate_code_make(codes, counts);
    out = put_header(deflate, out, codes, last);
    out = put_bytes(deflate, out, codes, bytes, len);
    return last ? put_end(deflate, out) : out;
}
