#include "server/work/allowed.h"

#include <stdio.h>
#include <string.h>

static const struct allowed everything = {UINT64_MAX};

static const struct explain_method *find(const char *name, size_t len)
{
    const struct explain_method *method;

    for (size_t i = 0; (method = explain_method(i)); i++) {
        const char *other = explain_method_name(method);

        if (strlen(other) == len && memcmp(other, name, len) == 0)
            return method;
    }
    return NULL;
}

static bool fail_unknown(const char *name, size_t len, struct error *err)
{
    char known[ALLOWED_TEXT_SIZE];

    allowed_list(known, &everything);
    return fail(err, ERROR_INPUT,
                "\"%.*s\" is not a method; the methods are %s",
                (int)(len < 40 ? len : 40), name, known);
}

bool allowed_parse(struct allowed *allowed, const char *text, struct error *err)
{
    *allowed = (struct allowed){0};
    if (strcmp(text, "all") == 0) {
        *allowed = everything;
        return true;
    }
    for (;;) {
        size_t len = strcspn(text, ",");
        const struct explain_method *method = find(text, len);

        if (!method)
            return fail_unknown(text, len, err);
        allowed->set |= UINT64_C(1) << allowed_number(method);
        if (!text[len])
            return true;
        text += len + 1;
    }
}

bool allowed_has(const struct allowed *allowed,
                 const struct explain_method *method)
{
    return allowed->set >> allowed_number(method) & 1;
}

const struct explain_method *allowed_choose(const struct allowed *allowed,
                                            const struct engine *engine,
                                            struct explain_request *request)
{
    const char *refusal;

    for (size_t i = 0; (request->method = explain_method(i)); i++) {
        if (!allowed_has(allowed, request->method))
            continue;
        engine_choose(engine, &refusal, request);
        if (!refusal)
            break;
    }
    return request->method;
}

size_t allowed_number(const struct explain_method *method)
{
    size_t i = 0;

    while (explain_method(i) && explain_method(i) != method)
        i++;
    return i;
}

void allowed_list(char text[ALLOWED_TEXT_SIZE], const struct allowed *allowed)
{
    const struct explain_method *method;
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; (method = explain_method(i)); i++)
        if (allowed_has(allowed, method) && len < ALLOWED_TEXT_SIZE)
            len += (size_t)snprintf(text + len, ALLOWED_TEXT_SIZE - len, "%s%s",
                                    len > 0 ? ", " : "",
                                    explain_method_name(method));
}
