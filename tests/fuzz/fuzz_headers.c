/* A header's value from a stranger, given to everybody who reads one. */

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "server/http/accept.h"
#include "server/http/access.h"
#include "server/http/framing.h"
#include "server/http/peer.h"
#include "server/http/request.h"
#include "server/observe/trace.h"

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

static void try_trace(const char *value)
{
    struct trace trace = {0};

    if (!trace_parse(&trace, value)) {
        expect(trace.trace_id[0] == '\0' && trace.span_id[0] == '\0');
        return;
    }
    expect(strspn(trace.trace_id, "0123456789abcdef") == 32);
    expect(strspn(trace.span_id, "0123456789abcdef") == 16);
    expect(strspn(trace.trace_id, "0") < 32 && strspn(trace.span_id, "0") < 16);
}

/* The client is the proxy itself, or one that is not trusted: whoever is
 * trusted has said who is behind it. */
static void try_forwarded(const char *value)
{
    static const struct config_list texts = {
        .items = {"127.0.0.0/8", "10.0.0.0/8", "fc00::/7"}, .count = 3};
    static struct peer_nets nets;
    static struct peer proxy;
    char name[PEER_NAME_SIZE];
    struct error err = {0};
    struct peer client, again;

    if (nets.count == 0)
        expect(peer_nets_parse(&nets, &texts, &err) &&
               peer_parse(&proxy, "127.0.0.1", 9));
    peer_client(&client, &proxy, value, &nets);
    peer_name(name, &client);
    expect(peer_parse(&again, name, strlen(name)));
    expect(memcmp(&again.address, &client.address, sizeof client.address) == 0);
}

/* A file's tokens, and a header's: what the file does not have opens nothing,
 * and one that it has alone does. */
static void try_token(const char *value, size_t len)
{
    struct access access = {0};
    struct error err = {0};

    if (access_parse(&access.lists[ACCESS_CAM], value, len, &err))
        expect(access.lists[ACCESS_CAM].count > 0 &&
               access.lists[ACCESS_CAM].count <= ACCESS_MAX_TOKENS);
    else
        expect(err.kind != ERROR_NONE &&
               access.lists[ACCESS_CAM].digests == NULL);
    access_list_release(&access.lists[ACCESS_CAM]);
}

static void try_authorization(const char *value)
{
    static const char token[] = "0123456789abcdef0123";
    static struct access access;
    struct error err = {0};

    if (!access.lists[ACCESS_CAM].digests) {
        pthread_mutex_init(&access.lock, NULL);
        access.open = true;
        expect(access_parse(&access.lists[ACCESS_CAM], token, sizeof token - 1,
                            &err));
    }
    if (access_allows(&access, ACCESS_CAM, value))
        expect(strstr(value, token) != NULL);
}

static void try_framing(const char *value)
{
    struct framing framing = {0};

    framing_header(&framing, "Content-Length", value);
    expect(framing.has_len || framing.bad);
    framing_header(&framing, "Transfer-Encoding", value);
    expect(framing_problem(&framing) != NULL);
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
    try_trace(value);
    try_forwarded(value);
    try_token(value, len);
    try_authorization(value);
    try_framing(value);
    free(value);
    return 0;
}
