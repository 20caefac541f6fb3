#include "engine/render/deflate_vbmi.h"

#ifdef __x86_64__

#include <immintrin.h>

#include "engine/base/wide.h"
#include "engine/render/deflate_joined.h"

#define VBMI        \
    __attribute__(( \
        target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi2")))

/* Codes of four bytes each. Vectors are unpacked by their quarters of 128 bits:
 * the first has the bytes 0 to 7 of each quarter, the second 8 to 15. */
struct fours {
    __m512i bits[2], lens[2];
};

bool deflate_vbmi_can(void)
{
    return wide_has_512() && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("bmi2");
}

void deflate_vbmi_init(struct deflate_vbmi *vbmi,
                       const struct deflate_code *codes)
{
    for (size_t i = 0; i < 256; i++) {
        vbmi->len[i] = (uint8_t)codes[i].len;
        vbmi->low[i] = (uint8_t)codes[i].bits;
        vbmi->high[i] = (uint8_t)(codes[i].bits >> 8);
    }
}

/* Looks up each byte; an instruction knows 128 of the table. */
VBMI static inline __m512i look_up(const uint8_t table[256], __m512i at)
{
    const __m512i low = _mm512_permutex2var_epi8(
        _mm512_loadu_si512(table), at, _mm512_loadu_si512(table + 64));
    const __m512i high = _mm512_permutex2var_epi8(
        _mm512_loadu_si512(table + 128), at, _mm512_loadu_si512(table + 192));

    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(at), low, high);
}

/* Joins the codes of four words each. */
VBMI static inline void join(struct fours *fours, size_t at, __m512i codes,
                             __m512i lens)
{
    const __m512i word = _mm512_set1_epi32(0xffff);
    const __m512i half = _mm512_set1_epi64(0xffffffff);
    const __m512i pairs =
        _mm512_or_si512(_mm512_and_si512(codes, word),
                        _mm512_sllv_epi32(_mm512_srli_epi32(codes, 16),
                                          _mm512_and_si512(lens, word)));
    const __m512i len = _mm512_madd_epi16(lens, _mm512_set1_epi16(1));
    const __m512i first = _mm512_and_si512(len, half);

    fours->bits[at] =
        _mm512_or_si512(_mm512_and_si512(pairs, half),
                        _mm512_sllv_epi64(_mm512_srli_epi64(pairs, 32), first));
    fours->lens[at] = _mm512_add_epi64(first, _mm512_srli_epi64(len, 32));
}

VBMI static inline void encode(struct fours *fours,
                               const struct deflate_vbmi *vbmi, __m512i v)
{
    const __m512i zero = _mm512_setzero_si512();
    const __m512i len = look_up(vbmi->len, v);
    const __m512i low = look_up(vbmi->low, v), high = look_up(vbmi->high, v);

    join(fours, 0, _mm512_unpacklo_epi8(low, high),
         _mm512_unpacklo_epi8(len, zero));
    join(fours, 1, _mm512_unpackhi_epi8(low, high),
         _mm512_unpackhi_epi8(len, zero));
}

/* Brings half of them in order, quarters by turns of the two vectors. */
VBMI static inline void take_half(struct deflate_joined *joined,
                                  const struct fours *fours, size_t half)
{
    const __m512i from =
        _mm512_add_epi64(_mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11),
                         _mm512_set1_epi64((long long)half * 4));

    _mm512_storeu_si512(
        joined->bits,
        _mm512_permutex2var_epi64(fours->bits[0], from, fours->bits[1]));
    _mm512_storeu_si512(
        joined->lens,
        _mm512_permutex2var_epi64(fours->lens[0], from, fours->lens[1]));
}

/* Joins them in pairs, if all are short enough, as most are. */
VBMI static inline bool join_pairs(struct deflate_joined *joined,
                                   const struct fours *fours)
{
    const __m512i first = _mm512_unpacklo_epi64(fours->lens[0], fours->lens[1]);
    const __m512i lens = _mm512_add_epi64(
        first, _mm512_unpackhi_epi64(fours->lens[0], fours->lens[1]));

    if (_mm512_cmpgt_epi64_mask(lens, _mm512_set1_epi64(DEFLATE_JOINED_BITS)) !=
        0)
        return false;
    _mm512_storeu_si512(
        joined->bits,
        _mm512_or_si512(
            _mm512_unpacklo_epi64(fours->bits[0], fours->bits[1]),
            _mm512_sllv_epi64(
                _mm512_unpackhi_epi64(fours->bits[0], fours->bits[1]), first)));
    _mm512_storeu_si512(joined->lens, lens);
    return true;
}

VBMI uint8_t *deflate_vbmi_put(const struct deflate_vbmi *vbmi, size_t *num,
                               uint8_t *restrict out, uint64_t *bits,
                               unsigned *num_bits,
                               const uint8_t *restrict bytes, size_t len)
{
    uint64_t waiting = *bits;
    unsigned num_waiting = *num_bits;
    struct deflate_joined joined;
    struct fours fours;
    size_t at = 0;

    for (; at + DEFLATE_VBMI_LEN <= len; at += DEFLATE_VBMI_LEN) {
        const __m512i v = _mm512_loadu_si512(bytes + at);

        if (_mm512_cmpeq_epi64_mask(v, _mm512_setzero_si512()) != 0)
            break;
        encode(&fours, vbmi, v);
        if (!join_pairs(&joined, &fours)) {
            take_half(&joined, &fours, 0);
            out = deflate_joined_put(&joined, 8, out, &waiting, &num_waiting);
            take_half(&joined, &fours, 1);
        }
        out = deflate_joined_put(&joined, 8, out, &waiting, &num_waiting);
    }
    *num = at;
    *bits = waiting;
    *num_bits = num_waiting;
    return out;
}

#endif
