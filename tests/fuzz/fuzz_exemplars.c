/* An index of exemplars from a stranger. */

#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "server/work/exemplars_read.h"

static void expect(bool truth)
{
    if (!truth)
        __builtin_trap();
}

static void check(const struct exemplars_index *index,
                  const struct exemplar *exemplar)
{
    const struct crop *crop = &exemplar->crop;

    expect(!strchr(exemplar->file, '/'));
    expect(exemplar->x < index->layer_width &&
           exemplar->y < index->layer_height);
    expect(crop->width > 0 && crop->height > 0);
    expect((uint64_t)crop->x + crop->width <= exemplar->width);
    expect((uint64_t)crop->y + crop->height <= exemplar->height);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct exemplars_index index = {0};
    struct exemplars_set set = {0};
    struct error err = {0};
    bool ok = exemplars_read(&index, &set, bytes, len, &err);

    expect(ok == (err.kind == ERROR_NONE));
    for (size_t i = 0; ok && i < index.num_channels; i++) {
        const struct exemplars_channel *channel = &index.channels[i];

        expect(channel->index < index.layer_channels);
        expect(exemplars_find_channel(&index, channel->index) == channel);
        for (size_t k = 0; k < channel->count; k++)
            check(&index, &channel->list[k]);
    }
    arena_release(&set.arena);
    return 0;
}
