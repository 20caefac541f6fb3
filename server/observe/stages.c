#include "server/observe/stages.h"

#include <stdio.h>
#include <string.h>

static const char *const names[STAGES_COUNT + 1] = {
#define X(stage, name) [stage] = name,
    STAGES(X)
#undef X
        [STAGES_COUNT] = "total",
};

const char *stages_name(size_t stage)
{
    return names[stage];
}

/* Prints the stages, separated by commas, up to the first that does not fit. */
static size_t print(char *text, size_t size, const struct stages *stages,
                    const char *quote, const char *between)
{
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < stages->count && i < STAGES_COUNT; i++) {
        char piece[64];
        int piece_len =
            snprintf(piece, sizeof piece, "%s%s%s%s%s%.2f", i == 0 ? "" : ",",
                     quote, names[i], quote, between, stages->ms[i]);

        if (piece_len < 0 || (size_t)piece_len >= sizeof piece ||
            len + (size_t)piece_len >= size)
            break;
        memcpy(text + len, piece, (size_t)piece_len + 1);
        len += (size_t)piece_len;
    }
    return len;
}

void stages_header(char text[STAGES_TEXT_SIZE], const struct stages *stages)
{
    print(text, STAGES_TEXT_SIZE, stages, "", ";dur=");
}

void stages_json(char text[STAGES_TEXT_SIZE], const struct stages *stages)
{
    size_t len = print(text + 1, STAGES_TEXT_SIZE - 2, stages, "\"", ":");

    text[0] = '{';
    memcpy(text + 1 + len, "}", 2);
}
