#ifndef ENGINE_MODEL_MODEL_FIT_H
#define ENGINE_MODEL_MODEL_FIT_H

/* The member "fit" of model.json: how a model's head was fitted to a user's own
 * classes. It is for people; nothing is computed from it.
 *
 *     "fit": {"base": {"name": "efficientnet-lite0", "sha256": "…",
 *                      "layer": "…"},
 *             "head": "gap", "date": "2026-01-31T12:00:00Z",
 *             "photos": 1000, "validation": 0, "left_out": 3,
 *             "seed": 0, "folds": 5, "balanced": true, "strength": 0.1,
 *             "temperature": 0.9,
 *             "measured": {"photos": 1000, "accuracy": 0.97,
 *                          "macro_f1": 0.97}}
 *
 * The head's weights and bias in model.onnx are divided by the temperature
 * already. */

#include <stdbool.h>
#include <stdint.h>

/* Texts are borrowed. */
struct model_fit {
    const char *base, *base_sha256, *layer, *pool;
    const char *date;                   /* ISO 8601 */
    uint64_t photos, validation_photos; /* that were read */
    uint64_t left_out;                  /* that were not, and folders */
    uint64_t seed;
    uint32_t folds;
    bool is_balanced;
    double c; /* the weight of the data against the penalty (logistic.h) */
    double temperature;
    uint64_t measured_photos; /* that were held out */
    double accuracy, macro_f1;
};

/* A new json_t object with these members; NULL: not enough memory, or a text is
 * not UTF-8. */
void *model_fit_describe(const struct model_fit *fit);

/* Whether the folder has a model.json with this member. */
bool model_fit_is_in(const char *folder);

#endif
