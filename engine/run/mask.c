#include "engine/run/mask.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

enum { TILE = 1 << 15 }; /* elements */

struct work {
    uint8_t *made;
    const uint8_t *mask;
    const float *from;
    float *out;
    struct mask_bounds bounds;
    float min, max;
};

#ifdef __x86_64__
static unsigned four_bits(const float *y, struct mask_bounds bounds)
{
    __m128 x = _mm_loadu_ps(y);

    return (unsigned)_mm_movemask_ps(
        _mm_and_ps(_mm_cmpgt_ps(x, _mm_set1_ps(bounds.low)),
                   _mm_cmplt_ps(x, _mm_set1_ps(bounds.high))));
}

/* What is no number stays so: min and max return their second operand then. */
static void four_through(const struct work *work, size_t at, __m128i bits)
{
    __m128i byte = _mm_set1_epi32(work->mask[at / MASK_UNIT]);
    __m128 open =
        _mm_castsi128_ps(_mm_cmpeq_epi32(_mm_and_si128(byte, bits), bits));
    __m128 g = _mm_and_ps(_mm_loadu_ps(work->from + at), open);

    g = _mm_max_ps(_mm_set1_ps(work->min), g);
    _mm_storeu_ps(work->out + at, _mm_min_ps(_mm_set1_ps(work->max), g));
}

static unsigned eight_bits(const float *y, struct mask_bounds bounds)
{
    return four_bits(y, bounds) | four_bits(y + 4, bounds) << 4;
}

static void eight_through(const struct work *work, size_t at)
{
    four_through(work, at, _mm_setr_epi32(1, 2, 4, 8));
    four_through(work, at + 4, _mm_setr_epi32(16, 32, 64, 128));
}
#else
static unsigned eight_bits(const float *y, struct mask_bounds bounds)
{
    unsigned bits = 0;

    for (unsigned i = 0; i < MASK_UNIT; i++)
        bits |= (unsigned)((y[i] > bounds.low) & (y[i] < bounds.high)) << i;
    return bits;
}

static void eight_through(const struct work *work, size_t at)
{
    for (size_t i = 0; i < MASK_UNIT; i++) {
        bool is_open = work->mask[at / MASK_UNIT] >> i & 1;
        float g = is_open ? work->from[at + i] : 0;

        g = g < work->min ? work->min : g;
        work->out[at + i] = g > work->max ? work->max : g;
    }
}
#endif

static void make_tile(const struct team_task *task, size_t thread,
                      const size_t *at, const size_t *len)
{
    const struct work *work = task->context;

    (void)thread;
    for (size_t i = at[0]; i < at[0] + len[0]; i += MASK_UNIT)
        work->made[i / MASK_UNIT] =
            (uint8_t)eight_bits(work->from + i, work->bounds);
}

static void apply_tile(const struct team_task *task, size_t thread,
                       const size_t *at, const size_t *len)
{
    (void)thread;
    for (size_t i = at[0]; i < at[0] + len[0]; i += MASK_UNIT)
        eight_through(task->context, i);
}

static void run(struct work *work, size_t count, struct team_member *member)
{
    const struct team_task task = {
        .call = work->made ? make_tile : apply_tile,
        .context = work,
        .num_dimensions = 1,
        .ranges = {count},
        .steps = {TILE},
    };

    team_run(member, &task);
}

void mask_make(uint8_t *mask, const float *y, size_t count,
               struct mask_bounds bounds, struct team_member *member)
{
    struct work work = {.made = mask, .from = y, .bounds = bounds};

    run(&work, count, member);
}

void mask_apply(float *out, const float *g, const uint8_t *mask, size_t count,
                const struct graph_node *gate, struct team_member *member)
{
    struct work work = {.mask = mask,
                        .from = g,
                        .out = out,
                        .min = gate->min,
                        .max = gate->max};

    run(&work, count, member);
}
