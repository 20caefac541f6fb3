#ifndef ENGINE_EXPLAIN_TARGET_H
#define ENGINE_EXPLAIN_TARGET_H

/* What is explained of a class: a target is a function of the logits y. Any
 * thread. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"
#include "engine/passes/head.h"

/* X(enumerator, name in requests)
 *
 * logit      y_c
 * log-score  the logarithm of the class's score (softmax or sigmoid)
 * margin     y_c - y_a: why this class and not that one
 * finer      y_c minus the mean of the three logits that are nearest to it, or
 *            of all others if there are fewer. They are chosen on the unchanged
 *            image (Zhang et al., Finer-CAM, 2025, arXiv 2501.11309) */
#define TARGET_KINDS(X)              \
    X(TARGET_LOGIT, "logit")         \
    X(TARGET_LOG_SCORE, "log-score") \
    X(TARGET_MARGIN, "margin")       \
    X(TARGET_FINER, "finer")

enum target_kind {
#define X(kind, name) kind,
    TARGET_KINDS(X)
#undef X
};

enum { TARGET_MAX_AGAINST = 3 };

/* The target for one class. */
struct target {
    enum target_kind kind;
    size_t class_index;
    size_t against[TARGET_MAX_AGAINST]; /* (num_against) classes */
    size_t num_against;
    const struct head *head; /* borrowed */
};

const char *target_name(enum target_kind kind);

/* Sets the target for a class. `against` is used by TARGET_MARGIN alone.
 *
 * logits  in  (num_classes) of the unchanged image
 *
 * ERROR_UNSUPPORTED: a network with one logit has nothing to compare with; a
 * class is compared with itself. */
bool target_set(struct target *target, enum target_kind kind,
                size_t class_index, size_t against, const struct head *head,
                const float *logits, struct error *err)
    __attribute__((warn_unused_result));

/* The target's value; `logits` are (num_classes). */
double target_value(const struct target *target, const float *logits);

/* The sum over classes of the target's derivative at a logit times the logit:
 * the target's value, if it is linear. */
double target_slope(const struct target *target, const float *logits);

/* Writes what target_falls() takes of the unchanged image: the softmax of the
 * logits, or zeros where the score is a sigmoid of one logit.
 *
 * shares  out  (num_classes) */
void target_shares(float *shares, const struct target *target,
                   const float *logits);

/* How much a target that is not linear falls if the logits fall; exact also
 * where that is little.
 *
 * out     out  (count)
 * shares  in   (num_classes) of target_shares()
 * falls   in   (num_classes, count) */
void target_falls(float *out, const struct target *target, const float *logits,
                  const float *shares, const float *falls, size_t count);

/* Whether the target is linear in the logits, so that its seed is the same for
 * all inputs. */
bool target_is_linear(const struct target *target);

/* Writes the gradient of the target at the network's logits.
 *
 * seed    out  (num_logits)
 * logits  in   (num_classes); ignored if the target is linear */
void target_seed(float *seed, const struct target *target, const float *logits);

#endif
