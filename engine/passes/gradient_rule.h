#ifndef ENGINE_PASSES_GRADIENT_RULE_H
#define ENGINE_PASSES_GRADIENT_RULE_H

#include <stdbool.h>

/* What a ReLU or a Clip(0, c) lets through of a gradient. With the second and
 * the third one, a network with another activation is refused; the gates of
 * squeeze-and-excitation let plain gradients through. */
enum gradient_rule {
    GRADIENT_PLAIN,     /* all of it where the gate is open */
    GRADIENT_GUIDED,    /* what is positive, where it is open */
    GRADIENT_DECONVNET, /* what is positive */
    GRADIENT_REDIRECTED /* all of it where it is open, and where it is shut what
                           would open it: for ascending from a place where all
                           gates are shut (Olah et al., Feature Visualization,
                           2017) */
};

/* Whether the rule is defined for ReLU and Clip(0, c) alone. */
static inline bool gradient_rule_is_strict(enum gradient_rule rule)
{
    return rule == GRADIENT_GUIDED || rule == GRADIENT_DECONVNET;
}

#endif
