#include "server/api/json_body.h"

#include <nettle/base64.h>
#include <stdio.h>
#include <string.h>

#include "server/http/accept.h"
#include "server/http/field_limit.h"

/* ---- the whole ---- */

/* Counts what takes memory, without reading it: values begin after one of
 * these, if not within a string. */
static size_t count_values(const uint8_t *bytes, size_t len)
{
    size_t count = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        if (in_string && bytes[i] == '\\')
            i++;
        else if (bytes[i] == '"')
            in_string = !in_string;
        else if (!in_string)
            count += bytes[i] == ',' || bytes[i] == ':' || bytes[i] == '[' ||
                     bytes[i] == '{';
    }
    return count;
}

/* A text in which a list of numbers is blank. */
struct blanked {
    const uint8_t *bytes;
    size_t len, at;
    size_t begin, end; /* of the blanks */
};

/* Lines stay as they are, so that an error's place does. */
static size_t read_blanked(void *buffer, size_t buffer_len, void *user)
{
    struct blanked *text = user;
    const size_t left = text->len - text->at;
    const size_t count = left < buffer_len ? left : buffer_len;
    uint8_t *to = buffer;

    memcpy(to, text->bytes + text->at, count);
    for (size_t i = 0; i < count; i++, text->at++)
        if (text->at >= text->begin && text->at < text->end && to[i] != '\n')
            to[i] = ' ';
    return count;
}

static json_t *load(const uint8_t *bytes, size_t len,
                    const struct json_numbers *numbers, json_error_t *where)
{
    struct blanked text = {.bytes = bytes, .len = len};

    if (numbers->end == 0)
        return json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES,
                          where);
    text.begin = numbers->begin + 1;
    text.end = numbers->end - 1;
    return json_load_callback(read_blanked, &text, JSON_REJECT_DUPLICATES,
                              where);
}

json_t *json_body_read_around(struct request *request, const uint8_t *bytes,
                              size_t len, const struct json_numbers *numbers)
{
    json_error_t where;
    json_t *root;

    if (len == 0) {
        request_fail(request, PROBLEM_INPUT, "the body is empty");
        return NULL;
    }
    if (count_values(bytes, numbers->begin) +
            count_values(bytes + numbers->end, len - numbers->end) >
        JSON_BODY_MAX_VALUES) {
        request->limit = JSON_BODY_MAX_VALUES;
        request_fail(request, PROBLEM_LIMIT,
                     "the body has more than the %d values allowed",
                     JSON_BODY_MAX_VALUES);
        return NULL;
    }
    root = load(bytes, len, numbers, &where);
    if (json_is_object(root))
        return root;
    if (root)
        request_fail(request, PROBLEM_INPUT, "the body is not a JSON object");
    else if (json_error_code(&where) == json_error_out_of_memory)
        request_fail(request, PROBLEM_MEMORY,
                     "not enough memory for the request");
    else
        request_fail(request, PROBLEM_INPUT,
                     "the body is not JSON: %.100s in line %d, column %d",
                     where.text, where.line, where.column);
    json_decref(root);
    return NULL;
}

json_t *json_body_read(struct request *request, const uint8_t *bytes,
                       size_t len)
{
    static const struct json_numbers none = {0};

    return json_body_read_around(request, bytes, len, &none);
}

bool json_body_has_type(const struct request *request)
{
    return !request->content_type || !*request->content_type ||
           accept_type_is(request->content_type, "application/json");
}

/* ---- images ---- */

/* What follows "data:image/jpeg;base64,". */
static const char *skip_url_head(const char *text)
{
    const char *comma =
        strncmp(text, "data:", 5) == 0 ? strchr(text, ',') : NULL;

    return comma ? comma + 1 : text;
}

bool json_body_decode(struct buf *file, const json_t *text, struct error *err)
{
    struct base64_decode_ctx decoder;
    const char *from = text ? json_string_value(text) : NULL;
    size_t len, decoded;

    if (!from)
        return fail(err, ERROR_INPUT,
                    "an image must be a string: its file in base64");
    from = skip_url_head(from);
    len = json_string_length(text) - (size_t)(from - json_string_value(text));
    decoded = BASE64_DECODE_LENGTH(len);
    if (!buf_reserve(file, decoded + 1, err))
        return false;
    base64_decode_init(&decoder);
    if (!base64_decode_update(&decoder, &decoded, file->data + file->len, len,
                              from) ||
        !base64_decode_final(&decoder))
        return fail(err, ERROR_INPUT, "an image is not valid base64");
    file->len += decoded;
    return true;
}

/* ---- options ---- */

static bool is_listed(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* Writes a value as a query would have it; false: it cannot. */
static bool print_value(char text[64], const json_t *value)
{
    if (json_is_integer(value))
        snprintf(text, 64, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(text, 64, "%.9g", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(text, 64, "%d", json_is_true(value));
    else
        return false;
    return true;
}

static bool add_option(struct request *request, const char *name,
                       const json_t *value)
{
    char number[64];
    const char *text = json_is_string(value)        ? json_string_value(value)
                       : print_value(number, value) ? number
                                                    : NULL;

    if (!text)
        return request_fail(request, PROBLEM_INPUT,
                            "option \"%.60s\" must be a string, a number or a "
                            "boolean",
                            name);
    return field_limit_count(request) &&
           params_begin(&request->params, name, strlen(name), &request->err) &&
           params_extend(&request->params, text, strlen(text), &request->err);
}

bool json_body_options(struct request *request, json_t *object,
                       const char *const *left_out)
{
    const char *name;
    json_t *value;
    bool ok = true;

    if (!object)
        return true;
    if (!json_is_object(object))
        return request_fail(request, PROBLEM_INPUT,
                            "\"parameters\" must be an object");
    json_object_foreach(object, name, value) ok =
        ok && (is_listed(left_out, name) || add_option(request, name, value));
    return ok;
}
