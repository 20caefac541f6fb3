/* A header's value from a stranger, given to everybody who reads one. */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "server/accept.h"
#include "server/request.h"

static void expect(bool truth)
{
    if (!truth)
        __builtin_trap();
}

static void try_id(const char *value)
{
    struct request request = {0};

    request_set_id(&request, value);
    expect(request.id[0] != '\0');
    for (const char *p = request.id; *p; p++)
        expect(*p > ' ' && *p < 0x7f && *p != '"' && *p != '\\');
    request_release(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *value = malloc(len + 1);

    if (!value)
        return 0;
    if (len > 0)
        memcpy(value, bytes, len);
    value[len] = '\0';
    expect(accept_quality(value, "application/json") <= 1000);
    expect(accept_quality(value, "image/png") <= 1000);
    if (accept_type_is(value, "image/png"))
        expect(accept_type_is(value, "image/"));
    expect(!accept_type_is(value, "image/") ||
           !accept_type_is(value, "multipart/form-data"));
    try_id(value);
    free(value);
    return 0;
}
