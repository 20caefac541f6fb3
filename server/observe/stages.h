#ifndef SERVER_OBSERVE_STAGES_H
#define SERVER_OBSERVE_STAGES_H

/* The processing time of an image, stage by stage. Any thread. */

#include <stddef.h>

/* X(stage, name), in the order of processing */
#define STAGES(X)                      \
    X(STAGES_QUEUE, "queue")           \
    X(STAGES_DECODE, "decode")         \
    X(STAGES_PREPROCESS, "preprocess") \
    X(STAGES_INFER, "infer")           \
    X(STAGES_RENDER, "render")

enum stages_stage {
#define X(stage, name) stage,
    STAGES(X)
#undef X
        STAGES_COUNT
};

/* `= {0}` is an image that no worker has processed. */
struct stages {
    double ms[STAGES_COUNT]; /* (count) */
    size_t count;            /* stages that it went through */
};

/* "queue", "decode", …; "total" of STAGES_COUNT. */
const char *stages_name(size_t stage);

enum { STAGES_TEXT_SIZE = 160 };

/* The value of a Server-Timing header, "queue;dur=0.03,decode;dur=5.24". */
void stages_header(char text[STAGES_TEXT_SIZE], const struct stages *stages);

/* A JSON object, {"queue":0.03,"decode":5.24}. */
void stages_json(char text[STAGES_TEXT_SIZE], const struct stages *stages);

#endif
