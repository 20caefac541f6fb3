#ifndef ENGINE_RUN_PRECISION_CHOICE_H
#define ENGINE_RUN_PRECISION_CHOICE_H

/* X(enumerator, name). What a network's 1 x 1 convolutions and linear layers
 * compute with.
 *
 * FP32  floats
 * INT8  8-bit integers, but for the layer that makes the logits: they still are
 *       what the map adds up to. Weights are quantized once, a scale for each
 *       output; activations as they come, a scale and a zero for the picture.
 *       Needs XNNPACK of 2024.
 * AUTO  INT8 where the library has it and a check when the model is opened
 *       finds it faster and near enough to FP32 (precision.h), else FP32 */
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
