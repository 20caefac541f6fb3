#include "server/api/encode64.h"

#include <nettle/base64.h>
#include <stdbool.h>

#ifdef __x86_64__
#include <immintrin.h>

/* Bytes and characters at a time, and the bytes that are read for them. */
enum { BYTES = 24, CHARS = 32, HALF = 12, READ = HALF + 16 };

#define AVX2 __attribute__((target("avx2")))

static bool has_vectors(void)
{
    return __builtin_cpu_supports("avx2");
}

/* Four numbers of six bits for each three bytes a, b, c: they are spread as b,
 * a, c, b, so that the first two numbers are in the lower half of 32 bits, a
 * above b, and the last two in the upper half, b above c. */
AVX2 static inline __m256i split(__m256i bytes)
{
    const __m256i spread =
        _mm256_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10, 1,
                         0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    __m256i x = _mm256_shuffle_epi8(bytes, spread);
    __m256i first =
        _mm256_and_si256(_mm256_srli_epi32(x, 10), _mm256_set1_epi32(0x3f));
    __m256i second =
        _mm256_and_si256(_mm256_slli_epi32(x, 4), _mm256_set1_epi32(0x3f00));
    __m256i third =
        _mm256_and_si256(_mm256_srli_epi32(x, 6), _mm256_set1_epi32(0x3f0000));
    __m256i fourth = _mm256_and_si256(_mm256_slli_epi32(x, 8),
                                      _mm256_set1_epi32(0x3f000000));

    return _mm256_or_si256(_mm256_or_si256(first, second),
                           _mm256_or_si256(third, fourth));
}

/* The characters of numbers from 0 to 63. Each range of them has a row of the
 * table, with what is added: rows 1 to 10 are the digits', 11 and 12 those of
 * + and /, 0 that of small letters, and 13 that of capitals. */
AVX2 static inline __m256i characters(__m256i numbers)
{
    const char digit = '0' - 52;
    const __m256i added = _mm256_setr_epi8(
        'a' - 26, digit, digit, digit, digit, digit, digit, digit, digit, digit,
        digit, '+' - 62, '/' - 63, 'A', 0, 0, 'a' - 26, digit, digit, digit,
        digit, digit, digit, digit, digit, digit, digit, '+' - 62, '/' - 63,
        'A', 0, 0);
    __m256i capitals = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), numbers);
    __m256i row = _mm256_subs_epu8(numbers, _mm256_set1_epi8(51));

    row =
        _mm256_or_si256(row, _mm256_and_si256(capitals, _mm256_set1_epi8(13)));
    return _mm256_add_epi8(numbers, _mm256_shuffle_epi8(added, row));
}

/* Returns how many bytes are written: a multiple of 3. */
AVX2 static size_t write_vectors(char *out, const uint8_t *bytes, size_t len)
{
    size_t done = 0;

    for (; done + READ <= len; done += BYTES, out += CHARS) {
        __m128i low = _mm_loadu_si128((const void *)(bytes + done));
        __m128i high = _mm_loadu_si128((const void *)(bytes + done + HALF));
        __m256i both =
            _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);

        _mm256_storeu_si256((void *)out, characters(split(both)));
    }
    return done;
}
#else
static bool has_vectors(void)
{
    return false;
}

static size_t write_vectors(char *out, const uint8_t *bytes, size_t len)
{
    (void)out;
    (void)bytes;
    (void)len;
    return 0;
}
#endif

size_t encode64_len(size_t len)
{
    return BASE64_ENCODE_RAW_LENGTH(len);
}

void encode64_write(char *out, const uint8_t *bytes, size_t len)
{
    size_t done = has_vectors() ? write_vectors(out, bytes, len) : 0;

    base64_encode_raw(out + encode64_len(done), len - done, bytes + done);
}
