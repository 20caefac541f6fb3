#include "server/api/asset.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The assembler embeds the files in read-only data; the Makefile makes this
 * object depend on them. Paths are relative to the folder of the Makefile. */
#define X(symbol, path, file, type, cache)       \
    __asm__(".section .rodata\n"                 \
            ".balign 16\n"                       \
            "asset_bytes_" #symbol ":\n"         \
            ".incbin \"" file "\"\n"             \
            "asset_end_" #symbol ":\n"           \
            ".byte 0\n"                          \
            ".previous\n");                      \
    extern const uint8_t asset_bytes_##symbol[]; \
    extern const uint8_t asset_end_##symbol[];
ASSETS(X)
#undef X

static struct asset assets[] = {
#define X(symbol, path, file, type, cache) \
    {path, type, cache, asset_bytes_##symbol, 0, ""},
    ASSETS(X)
#undef X
};

enum { NUM_ASSETS = sizeof assets / sizeof assets[0] };

static const uint8_t *const ends[NUM_ASSETS] = {
#define X(symbol, path, file, type, cache) asset_end_##symbol,
    ASSETS(X)
#undef X
};

/* FNV-1a, 64 bits. An ETag of our own files need not resist forgery. */
static uint64_t hash(const uint8_t *bytes, size_t len)
{
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < len; i++)
        h = (h ^ bytes[i]) * 0x100000001b3;
    return h;
}

void asset_init(void)
{
    for (size_t i = 0; i < NUM_ASSETS; i++) {
        struct asset *a = &assets[i];

        a->len = (size_t)(ends[i] - a->bytes);
        snprintf(a->etag, sizeof a->etag, "\"%016" PRIx64 "\"",
                 hash(a->bytes, a->len));
    }
}

const struct asset *asset_find(const char *path)
{
    for (size_t i = 0; i < NUM_ASSETS; i++)
        if (strcmp(assets[i].path, path) == 0)
            return &assets[i];
    return NULL;
}

/* A comma-separated list of "tag" or W/"tag", or a star. The RFC requires weak
 * comparison here. */
bool asset_matches(const struct asset *asset, const char *if_none_match)
{
    const char *p = if_none_match;
    size_t len = strlen(asset->etag);

    while (p && *p) {
        p += strspn(p, ", \t");
        if (*p == '*')
            return true;
        if (strncmp(p, "W/", 2) == 0)
            p += 2;
        if (*p != '"')
            return false;
        if (strncmp(p, asset->etag, len) == 0)
            return true;
        p = strchr(p + 1, '"');
        if (p)
            p++;
    }
    return false;
}
