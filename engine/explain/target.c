#include "engine/explain/target.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "engine/kernel/kernel_wide.h"

const char *target_name(enum target_kind kind)
{
    static const char *const names[] = {
#define X(kind, name) [kind] = name,
        TARGET_KINDS(X)
#undef X
    };

    return names[kind];
}

/* Inserts a class into those whose logits are nearest to that of the target's
 * class. Of equally near ones the lower index comes first. */
static void insert_nearest(struct target *target, const float *logits, size_t k)
{
    const float own = logits[target->class_index];
    const float distance = fabsf(logits[k] - own);
    size_t at = target->num_against;

    while (at > 0 && fabsf(logits[target->against[at - 1]] - own) > distance)
        at--;
    if (at == TARGET_MAX_AGAINST)
        return;
    if (target->num_against < TARGET_MAX_AGAINST)
        target->num_against++;
    memmove(target->against + at + 1, target->against + at,
            (target->num_against - at - 1) * sizeof *target->against);
    target->against[at] = k;
}

bool target_set(struct target *target, enum target_kind kind,
                size_t class_index, size_t against, const struct head *head,
                const float *logits, struct error *err)
{
    *target =
        (struct target){.kind = kind, .class_index = class_index, .head = head};
    if (kind == TARGET_LOGIT || kind == TARGET_LOG_SCORE)
        return true;
    if (head->num_logits < 2)
        return fail(err, ERROR_UNSUPPORTED,
                    "the target \"%s\" compares classes, and this network has "
                    "one logit only",
                    target_name(kind));
    if (kind == TARGET_MARGIN) {
        target->against[target->num_against++] = against;
        return against != class_index ||
               fail(err, ERROR_UNSUPPORTED,
                    "the target \"margin\" compares class %zu with itself",
                    against);
    }
    for (size_t k = 0; k < head->num_classes; k++)
        if (k != class_index)
            insert_nearest(target, logits, k);
    return true;
}

bool target_is_linear(const struct target *target)
{
    return target->kind != TARGET_LOG_SCORE;
}

/* log(1 + exp(x)) without overflow. */
static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/* The logarithm of the sum of exp(logits). */
static double log_sum(const float *logits, size_t count)
{
    double max = (double)logits[0], sum = 0;

    for (size_t k = 1; k < count; k++)
        max = fmax(max, (double)logits[k]);
    for (size_t k = 0; k < count; k++)
        sum += exp((double)logits[k] - max);
    return max + log(sum);
}

/* A sum of terms for the classes, as the target's value is one of logits. */
static double linear_value(const struct target *target, const float *terms)
{
    double value = (double)terms[target->class_index], mean = 0;

    for (size_t i = 0; i < target->num_against; i++)
        mean += (double)terms[target->against[i]];
    return target->num_against > 0 ? value - mean / (double)target->num_against
                                   : value;
}

double target_value(const struct target *target, const float *logits)
{
    const struct head *head = target->head;
    double value = (double)logits[target->class_index];

    if (target->kind != TARGET_LOG_SCORE)
        return linear_value(target, logits);
    return head->scores == HEAD_SIGMOID
               ? 0 - softplus(-value)
               : value - log_sum(logits, head->num_classes);
}

double target_slope(const struct target *target, const float *logits)
{
    const struct head *head = target->head;
    double own = (double)logits[target->class_index], sum, mean = 0;

    if (target->kind != TARGET_LOG_SCORE)
        return target_value(target, logits);
    if (head->scores == HEAD_SIGMOID)
        return own / (1 + exp(own));
    sum = log_sum(logits, head->num_classes);
    for (size_t k = 0; k < head->num_classes; k++)
        mean += exp((double)logits[k] - sum) * (double)logits[k];
    return own - mean;
}

void target_shares(float *shares, const struct target *target,
                   const float *logits)
{
    size_t num_classes = target->head->num_classes;
    double total;

    memset(shares, 0, num_classes * sizeof *shares);
    if (target->head->scores == HEAD_SIGMOID)
        return;
    total = log_sum(logits, num_classes);
    for (size_t k = 0; k < num_classes; k++)
        shares[k] = (float)exp((double)logits[k] - total);
}

/* e^x - 1 to a few units in the last place, written so that compilers can
 * vectorize it: with x = n log 2 + r it is 2^n (e^r - 1) + (2^n - 1). */
KERNEL_WIDE_INLINE float exp_less_one(float x)
{
    const float magic = 12582912; /* adding it rounds; the low bits are n */
    union {
        float number;
        uint32_t bits;
    } n, power;
    float r;

    x = x < -87 ? -87 : x;
    x = x > 87 ? 87 : x;
    n.number = x * 1.44269504f + magic;
    power.bits = (n.bits << 23) + 0x3F800000u; /* the low nine bits of n */
    n.number -= magic;
    r = x - n.number * 0.693145752f - n.number * 1.42860677e-6f;
    r *= 1 + r * (0.5f + r * (0.166666657f +
                              r * (0.0416695364f +
                                   r * (0.00836888003f + r * 0.00138148781f))));
    return power.number * r + (power.number - 1);
}

/* Adds a class's share times what its score gains on the target's. */
KERNEL_WIDE_BODY(add_gains)
(float *restrict sums, const float *restrict own, const float *restrict falls,
 float share, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sums[i] += share * exp_less_one(own[i] - falls[i]);
}
KERNEL_WIDE(add_gains,
            (float *restrict sums, const float *restrict own,
             const float *restrict falls, float share, size_t count),
            (sums, own, falls, share, count))

/* The logarithm of the sum over k of p_k exp(f_c - f_k); falls[k * stride] is
 * f_k. */
static double log_gain(const float *shares, const float *falls, size_t stride,
                       size_t own, size_t num_classes)
{
    double sum = 0;

    for (size_t k = 0; k < num_classes; k++)
        sum += (double)shares[k] *
               exp((double)falls[own * stride] - (double)falls[k * stride]);
    return log(sum);
}

/* With shares p and falls f, the logarithm of the softmax of class c falls by
 * log(1 + sum over k of p_k (exp(f_c - f_k) - 1)). Where that sum is near to
 * -1, it would be lost beside the 1. */
void target_falls(float *out, const struct target *target, const float *logits,
                  const float *shares, const float *falls, size_t count)
{
    const float *own = falls + target->class_index * count;

    if (target->head->scores == HEAD_SIGMOID) {
        double logit = (double)logits[target->class_index];

        for (size_t i = 0; i < count; i++)
            out[i] =
                (float)(softplus((double)own[i] - logit) - softplus(-logit));
        return;
    }
    memset(out, 0, count * sizeof *out);
    for (size_t k = 0; k < target->head->num_classes; k++)
        if (k != target->class_index)
            add_gains(out, own, falls + k * count, shares[k], count);
    for (size_t i = 0; i < count; i++)
        out[i] = out[i] > -0.5f ? log1pf(out[i])
                                : (float)log_gain(shares, falls + i, count,
                                                  target->class_index,
                                                  target->head->num_classes);
}

/* Adds the derivative at the logit of class k. */
static void add(float *seed, const struct head *head, size_t k,
                double derivative)
{
    bool is_negated;
    size_t row = head_row(&is_negated, head, k);

    seed[row] += (float)(is_negated ? 0 - derivative : derivative);
}

void target_seed(float *seed, const struct target *target, const float *logits)
{
    const struct head *head = target->head;

    memset(seed, 0, head->num_logits * sizeof *seed);
    if (target->kind != TARGET_LOG_SCORE) {
        add(seed, head, target->class_index, 1);
        for (size_t i = 0; i < target->num_against; i++)
            add(seed, head, target->against[i],
                -1 / (double)target->num_against);
    } else if (head->scores == HEAD_SIGMOID) {
        add(seed, head, target->class_index,
            1 / (1 + exp((double)logits[target->class_index])));
    } else {
        double sum = log_sum(logits, head->num_classes);

        for (size_t k = 0; k < head->num_classes; k++)
            add(seed, head, k,
                (k == target->class_index) - exp((double)logits[k] - sum));
    }
}
