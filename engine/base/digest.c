#include "engine/base/digest.h"

#include <nettle/sha2.h>
#include <stdio.h>

void digest_sha256(char text[DIGEST_TEXT], const void *bytes, size_t len)
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];

    sha256_init(&context);
    sha256_update(&context, len, bytes);
    sha256_digest(&context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}
