#include "engine/render/deflate_vector.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <string.h>

#include "engine/render/deflate_joined.h"

#define AVX2 __attribute__((target("avx2,bmi2")))

/* Codes of four bytes each, of 56 bits at most. Vectors are unpacked by their
 * halves of 128 bits: bytes 0 to 7 and 16 to 23, and those behind them. */
struct fours {
    __m256i bits[2], lens[2];
};

bool deflate_vector_can(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
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
AVX2 static inline void join(struct fours *fours, size_t at, __m256i codes,
                             __m256i code_lens)
{
    __m256i len, pairs, bits, first;

    len = _mm256_and_si256(code_lens, _mm256_set1_epi32(0xffff));
    pairs = _mm256_and_si256(codes, _mm256_set1_epi32(0xffff));
    pairs = _mm256_or_si256(
        pairs, _mm256_sllv_epi32(_mm256_srli_epi32(codes, 16), len));
    len = _mm256_madd_epi16(code_lens, _mm256_set1_epi16(1));
    first = _mm256_and_si256(len, _mm256_set1_epi64x(0xffffffff));
    bits = _mm256_and_si256(pairs, _mm256_set1_epi64x(0xffffffff));
    fours->bits[at] = _mm256_or_si256(
        bits, _mm256_sllv_epi64(_mm256_srli_epi64(pairs, 32), first));
    fours->lens[at] = _mm256_add_epi64(first, _mm256_srli_epi64(len, 32));
}

/* Puts what is in the halves of two vectors by turns in order. */
AVX2 static inline void put_in_order(uint64_t out[8], const __m256i v[2])
{
    _mm256_storeu_si256((void *)out,
                        _mm256_permute2x128_si256(v[0], v[1], 0x20));
    _mm256_storeu_si256((void *)(out + 4),
                        _mm256_permute2x128_si256(v[0], v[1], 0x31));
}

/* Joins them in pairs, which are short for most bytes; they are four then, else
 * eight. Returns how many. */
AVX2 static inline size_t join_pairs(struct deflate_joined *joined,
                                     const struct fours *fours)
{
    const __m256i first = _mm256_unpacklo_epi64(fours->lens[0], fours->lens[1]);
    const __m256i lens = _mm256_add_epi64(
        first, _mm256_unpackhi_epi64(fours->lens[0], fours->lens[1]));
    const __m256i long_ones =
        _mm256_cmpgt_epi64(lens, _mm256_set1_epi64x(DEFLATE_JOINED_BITS));
    __m256i bits;

    if (!_mm256_testz_si256(long_ones, long_ones)) {
        put_in_order(joined->bits, fours->bits);
        put_in_order(joined->lens, fours->lens);
        return 8;
    }
    bits = _mm256_sllv_epi64(
        _mm256_unpackhi_epi64(fours->bits[0], fours->bits[1]), first);
    bits = _mm256_or_si256(
        bits, _mm256_unpacklo_epi64(fours->bits[0], fours->bits[1]));
    _mm256_storeu_si256((void *)joined->bits, bits);
    _mm256_storeu_si256((void *)joined->lens, lens);
    return 4;
}

/* The codes of a vector of bytes. */
AVX2 static inline void encode(struct fours *fours,
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
    join(fours, 0, reverse(_mm256_add_epi16(words, more)),
         _mm256_unpacklo_epi8(len, zero));
    words = _mm256_unpackhi_epi8(low, high);
    more = _mm256_mullo_epi16(_mm256_unpackhi_epi8(low_step, high_step),
                              _mm256_unpackhi_epi8(last, zero));
    join(fours, 1, reverse(_mm256_add_epi16(words, more)),
         _mm256_unpackhi_epi8(len, zero));
}

AVX2 static inline bool has_zeros(__m256i v)
{
    __m256i zeros = _mm256_cmpeq_epi64(v, _mm256_setzero_si256());

    return !_mm256_testz_si256(zeros, zeros);
}

AVX2 bool deflate_vector_has_zeros(const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at < len; at += DEFLATE_VECTOR_LEN)
        if (has_zeros(_mm256_loadu_si256((const void *)(bytes + at))))
            return true;
    return false;
}

AVX2 uint8_t *deflate_vector_put(const struct deflate_vector *vector,
                                 size_t *num, uint8_t *restrict out,
                                 uint64_t *bits, unsigned *num_bits,
                                 const uint8_t *restrict bytes, size_t len)
{
    const struct deflate_vector tables = *vector;
    uint64_t waiting = *bits;
    unsigned num_waiting = *num_bits;
    struct deflate_joined joined;
    struct fours fours;
    size_t at = 0;

    for (; at + DEFLATE_VECTOR_LEN <= len; at += DEFLATE_VECTOR_LEN) {
        const __m256i v = _mm256_loadu_si256((const void *)(bytes + at));

        if (has_zeros(v))
            break;
        encode(&fours, &tables, v);
        out = deflate_joined_put(&joined, join_pairs(&joined, &fours), out,
                                 &waiting, &num_waiting);
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
