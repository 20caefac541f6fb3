#ifndef ENGINE_RUN_PRECISION_CHOICE_H
#define ENGINE_RUN_PRECISION_CHOICE_H

/* X(enumerator, name). The precision of a network's convolutions and linear
 * layers.
 *
 *     FP32  floats
 *     INT8  8-bit integers, except for the layer that computes the logits, so
 *           that maps still add up to them. Weights are quantized once, with a
 *           scale for each output; activations at run time, with a scale and a
 *           zero point for the image or a few of its pixels. Needs a processor
 *           with AVX2 (dense_int8.h), or XNNPACK from 2024, which takes 1 x 1
 *           convolutions and linear layers only.
 *     AUTO  INT8 if that is there and a check when the model is opened finds it
 *           faster and accurate enough (precision.h), else FP32 */
#define PRECISION_CHOICES(X)  \
    X(PRECISION_FP32, "fp32") \
    X(PRECISION_INT8, "int8") \
    X(PRECISION_AUTO, "auto")

enum precision_choice {
#define X(precision, name) precision,
    PRECISION_CHOICES(X)
#undef X
};

#endif
