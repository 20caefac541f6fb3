#include "engine/render/deflate_vector.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))

/* The codes of four bytes each, one after the other, and their lengths. */
struct joined {
    uint64_t bits[8], lens[8];
};

/* Where the codes of bytes 0 to 3, 4 to 7 and so on are in there: vectors are
 * unpacked by their halves of 128 bits. */
static const uint8_t places[8] = {0, 1, 4, 5, 2, 3, 6, 7};

bool deflate_vector_can(void)
{
    return __builtin_cpu_supports("avx2");
}

static void init_code(struct deflate_vector *vector, size_t kind, size_t at,
                      const struct deflate_code *code)
{
    uint16_t top = deflate_code_reversed(code->bits, 16);

    vector->len[kind][at] = (uint8_t)code->len;
    vector->low[kind][at] = (uint8_t)top;
    vector->high[kind][at] = (uint8_t)(top >> 8);
}

void deflate_vector_init(struct deflate_vector *vector,
                         const struct deflate_code *codes)
{
    memset(vector, 0, sizeof *vector);
    for (size_t i = 0; i < 16; i++) {
        init_code(vector, 0, i, &codes[i]);
        init_code(vector, 1, i, &codes[255 - i]);
    }
    for (size_t half = 1; half < 15; half++) {
        unsigned step = 1u << (16 - codes[16 * half].len);

        init_code(vector, 2, half, &codes[16 * half]);
        vector->low_step[half] = (uint8_t)step;
        vector->high_step[half] = (uint8_t)(step >> 8);
    }
}

/* ---- codes ---- */

AVX2 static inline __m256i table_of(const uint8_t table[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table));
}

/* Looks up each byte by its place in each table, of which two are out of it: a
 * place above 127 gives 0. */
AVX2 static inline __m256i look_up(const uint8_t tables[3][16],
                                   const __m256i at[3])
{
    __m256i low = _mm256_shuffle_epi8(table_of(tables[0]), at[0]);
    __m256i high = _mm256_shuffle_epi8(table_of(tables[1]), at[1]);
    __m256i half = _mm256_shuffle_epi8(table_of(tables[2]), at[2]);

    return _mm256_or_si256(_mm256_or_si256(low, high), half);
}

/* Reverses the bits of words: those of half bytes by a table, then halves and
 * bytes change places. */
AVX2 static inline __m256i reverse(__m256i words)
{
    const __m256i half = _mm256_set1_epi8(15);
    const __m256i back = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15));
    const __m256i swap = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
    __m256i low = _mm256_shuffle_epi8(back, _mm256_and_si256(words, half));
    __m256i high = _mm256_shuffle_epi8(
        back, _mm256_and_si256(_mm256_srli_epi16(words, 4), half));

    return _mm256_shuffle_epi8(_mm256_or_si256(_mm256_slli_epi16(low, 4), high),
                               swap);
}

/* Joins the codes of four words each. */
AVX2 static inline void join(uint64_t bits[4], uint64_t lens[4], __m256i codes,
                             __m256i code_lens)
{
    __m256i len, pairs, fours, first;

    len = _mm256_and_si256(code_lens, _mm256_set1_epi32(0xffff));
    pairs = _mm256_and_si256(codes, _mm256_set1_epi32(0xffff));
    pairs = _mm256_or_si256(
        pairs, _mm256_sllv_epi32(_mm256_srli_epi32(codes, 16), len));
    len = _mm256_madd_epi16(code_lens, _mm256_set1_epi16(1));
    first = _mm256_and_si256(len, _mm256_set1_epi64x(0xffffffff));
    fours = _mm256_and_si256(pairs, _mm256_set1_epi64x(0xffffffff));
    fours = _mm256_or_si256(
        fours, _mm256_sllv_epi64(_mm256_srli_epi64(pairs, 32), first));
    _mm256_storeu_si256((void *)bits, fours);
    _mm256_storeu_si256((void *)lens,
                        _mm256_add_epi64(first, _mm256_srli_epi64(len, 32)));
}

/* The codes of a vector of bytes. */
AVX2 static inline void encode(struct joined *joined,
                               const struct deflate_vector *vector, __m256i v)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i half = _mm256_set1_epi8(15), beyond = _mm256_set1_epi8(0x70);
    /* bytes above 15 leave the first table, those below 240 the second */
    const __m256i at[3] = {
        _mm256_adds_epu8(v, beyond),
        _mm256_adds_epu8(_mm256_xor_si256(v, _mm256_set1_epi8(-1)), beyond),
        _mm256_and_si256(_mm256_srli_epi16(v, 4), half)};
    const __m256i last = _mm256_and_si256(v, half);
    const __m256i len = look_up(vector->len, at);
    const __m256i low = look_up(vector->low, at);
    const __m256i high = look_up(vector->high, at);
    const __m256i low_step =
        _mm256_shuffle_epi8(table_of(vector->low_step), at[2]);
    const __m256i high_step =
        _mm256_shuffle_epi8(table_of(vector->high_step), at[2]);
    __m256i words, more;

    words = _mm256_unpacklo_epi8(low, high);
    more = _mm256_mullo_epi16(_mm256_unpacklo_epi8(low_step, high_step),
                              _mm256_unpacklo_epi8(last, zero));
    join(joined->bits, joined->lens, reverse(_mm256_add_epi16(words, more)),
         _mm256_unpacklo_epi8(len, zero));
    words = _mm256_unpackhi_epi8(low, high);
    more = _mm256_mullo_epi16(_mm256_unpackhi_epi8(low_step, high_step),
                              _mm256_unpackhi_epi8(last, zero));
    join(joined->bits + 4, joined->lens + 4,
         reverse(_mm256_add_epi16(words, more)),
         _mm256_unpackhi_epi8(len, zero));
}

AVX2 static inline bool has_zeros(__m256i v)
{
    __m256i zeros = _mm256_cmpeq_epi64(v, _mm256_setzero_si256());

    return !_mm256_testz_si256(zeros, zeros);
}

AVX2 uint8_t *deflate_vector_put(const struct deflate_vector *vector,
                                 size_t *num, uint8_t *restrict out,
                                 uint64_t *bits, unsigned *num_bits,
                                 const uint8_t *restrict bytes, size_t len)
{
    const struct deflate_vector tables = *vector;
    uint64_t waiting = *bits;
    unsigned num_waiting = *num_bits;
    struct joined joined;
    size_t at = 0;

    for (; at + DEFLATE_VECTOR_LEN <= len; at += DEFLATE_VECTOR_LEN) {
        const __m256i v = _mm256_loadu_si256((const void *)(bytes + at));

        if (has_zeros(v))
            break;
        encode(&joined, &tables, v);
        for (size_t i = 0; i < 8; i++) {
            waiting |= joined.bits[places[i]] << num_waiting;
            memcpy(out, &waiting, sizeof waiting);
            num_waiting += (unsigned)joined.lens[places[i]];
            out += num_waiting / 8;
            waiting >>= num_waiting & ~7u;
            num_waiting &= 7;
        }
    }
    *num = at;
    *bits = waiting;
    *num_bits = num_waiting;
    return out;
}

/* ---- Adler-32 ---- */

AVX2 static uint32_t total(__m256i v)
{
    uint32_t lanes[8], sum = 0;

    _mm256_storeu_si256((void *)lanes, v);
    for (size_t i = 0; i < 8; i++)
        sum += lanes[i];
    return sum;
}

/* A vector's bytes count 32 for each vector that follows, and 32 down to 1. */
AVX2 void deflate_vector_sums(uint32_t *sum, uint32_t *weighted,
                              const uint8_t *bytes, size_t len)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i weights = _mm256_setr_epi8(
        32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15,
        14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1);
    __m256i sums = zero, before = zero, within = zero;

    for (size_t at = 0; at < len; at += DEFLATE_VECTOR_LEN) {
        const __m256i v = _mm256_loadu_si256((const void *)(bytes + at));
        const __m256i pairs = _mm256_maddubs_epi16(v, weights);

        before = _mm256_add_epi32(before, sums);
        sums = _mm256_add_epi32(sums, _mm256_sad_epu8(v, zero));
        within = _mm256_add_epi32(
            within, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
    *sum = total(sums);
    *weighted = DEFLATE_VECTOR_LEN * total(before) + total(within);
}

#endif
