#include "server/http/framing.h"

#include <string.h>
#include <strings.h>

#include "engine/base/digits.h"

static void read_length(struct framing *framing, const char *text)
{
    uint64_t len;

    if (!digits_parse(&len, text)) {
        framing->bad = true;
    } else {
        framing->bad |= framing->has_len && len != framing->len;
        framing->len = len;
    }
    framing->has_len = true;
}

/* RFC 9110, section 5.6.2. The usual offence is a space before the colon. */
static bool is_token(const char *name)
{
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
                                  "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return name[0] && !name[strspn(name, allowed)];
}

void framing_header(struct framing *framing, const char *name,
                    const char *value)
{
    framing->bad_name |= !is_token(name);
    if (strcasecmp(name, "Content-Length") == 0) {
        read_length(framing, value);
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        framing->bad = framing->bad || framing->chunked ||
                       strcasecmp(value, "chunked") != 0;
        framing->chunked = true;
    } else if (strcasecmp(name, "Host") == 0) {
        framing->num_hosts++;
    }
}

const char *framing_problem(const struct framing *framing)
{
    if (framing->folded)
        return "a header is continued on a second line";
    if (framing->bad_name)
        return "a header name contains an invalid character";
    if (framing->chunked && framing->has_len)
        return "both Content-Length and Transfer-Encoding are given";
    if (framing->chunked && framing->bad)
        return "the only supported Transfer-Encoding is chunked";
    if (framing->bad)
        return "the Content-Length is not a single number";
    if (framing->num_hosts > 1)
        return "there is more than one Host header";
    if (framing->num_hosts == 0 && framing->needs_host)
        return "there is no Host header";
    return NULL;
}
