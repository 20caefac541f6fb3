#ifndef ENGINE_PASSES_GRADIENT_RULE_H
#define ENGINE_PASSES_GRADIENT_RULE_H

/* What a ReLU or a Clip(0, c) lets through of a gradient. With the second and
 * the third one, a network with another activation is refused; the gates of
 * squeeze-and-excitation let plain gradients through. */
enum gradient_rule {
    GRADIENT_PLAIN,     /* all of it where the gate is open */
    GRADIENT_GUIDED,    /* what is positive, where it is open */
    GRADIENT_DECONVNET, /* what is positive */
};

#endif
