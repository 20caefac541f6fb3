#include "server/api/json_numbers.h"

#include <stdlib.h>
#include <string.h>

/* ---- the numbers ---- */

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* A text that is read up to its end. */
struct reader {
    const uint8_t *at, *end;
};

/* The next byte; 0 at the end. */
static uint8_t peek(const struct reader *reader)
{
    return reader->at < reader->end ? *reader->at : 0;
}

static void skip_spaces(struct reader *reader)
{
    while (is_space(peek(reader)))
        reader->at++;
}

static bool skip_digits(struct reader *reader)
{
    if (!is_digit(peek(reader)))
        return false;
    while (is_digit(peek(reader)))
        reader->at++;
    return true;
}

/* Skips a number in the syntax of JSON. */
static bool skip_number(struct reader *reader)
{
    reader->at += peek(reader) == '-';
    if (peek(reader) == '0')
        reader->at++;
    else if (!skip_digits(reader))
        return false;
    if (peek(reader) == '.') {
        reader->at++;
        if (!skip_digits(reader))
            return false;
    }
    if (peek(reader) != 'e' && peek(reader) != 'E')
        return true;
    reader->at++;
    reader->at += peek(reader) == '+' || peek(reader) == '-';
    return skip_digits(reader);
}

/* Skips a list of numbers, or of such lists, and counts the numbers. */
static bool skip_list(struct reader *reader, size_t *count)
{
    size_t depth = 0;

    *count = 0;
    do {
        skip_spaces(reader);
        if (peek(reader) == '[') {
            reader->at++;
            if (++depth > JSON_NUMBERS_MAX_DEPTH)
                return false;
            continue;
        }
        if (!skip_number(reader))
            return false;
        ++*count;
        skip_spaces(reader);
        while (depth > 0 && peek(reader) == ']') {
            reader->at++;
            if (--depth > 0)
                skip_spaces(reader);
        }
        if (depth > 0 && peek(reader) != ',')
            return false;
        reader->at += depth > 0;
    } while (depth > 0);
    return true;
}

/* ---- their place ---- */

enum { IN_INPUT = 3 }; /* the body, its "inputs", one of them */

/* What is around a value. */
struct place {
    size_t depth;
    char kinds[IN_INPUT]; /* of the first levels: '{' or '[' */
    bool is_inputs;       /* the body's member is "inputs" */
};

/* Whether a member of it would be that of an input. */
static bool is_in_input(const struct place *place)
{
    return place->depth == IN_INPUT && place->is_inputs &&
           memcmp(place->kinds, "{[{", IN_INPUT) == 0;
}

/* Whether an odd number of backslashes is before `at`. */
static bool is_escaped(const uint8_t *from, const uint8_t *at)
{
    const uint8_t *p = at;

    while (p > from && p[-1] == '\\')
        p--;
    return (at - p) % 2 == 1;
}

/* Skips a string, long ones fast. false: the text ends. */
static bool skip_string(struct reader *reader, const char **begin, size_t *len)
{
    const uint8_t *from = reader->at + 1;
    const uint8_t *quote = reader->at;

    do {
        quote++;
        quote = memchr(quote, '"', (size_t)(reader->end - quote));
    } while (quote && is_escaped(from, quote));
    if (!quote)
        return false;
    *begin = (const char *)from;
    *len = (size_t)(quote - from);
    reader->at = quote + 1;
    return true;
}

/* Skips a string and, behind the name of a member, the colon. false: the text
 * ends. */
static bool skip_name(struct reader *reader, struct place *place, bool *is_data)
{
    const char *name;
    size_t len;

    *is_data = false;
    if (!skip_string(reader, &name, &len))
        return false;
    skip_spaces(reader);
    if (peek(reader) != ':')
        return true;
    reader->at++;
    skip_spaces(reader);
    if (place->depth == 1)
        place->is_inputs = len == 6 && memcmp(name, "inputs", 6) == 0;
    *is_data = is_in_input(place) && len == 4 && memcmp(name, "data", 4) == 0;
    return true;
}

static void open_or_close(struct place *place, uint8_t c)
{
    if (c == '{' || c == '[') {
        if (place->depth < IN_INPUT)
            place->kinds[place->depth] = (char)c;
        place->depth++;
    } else if ((c == '}' || c == ']') && place->depth > 0) {
        place->depth--;
    }
}

void json_numbers_find(struct json_numbers *numbers, const uint8_t *json,
                       size_t len)
{
    struct reader reader = {json, len > 0 ? json + len : json};
    struct place place = {0};
    bool is_data;

    *numbers = (struct json_numbers){0};
    while (reader.at < reader.end) {
        if (*reader.at != '"') {
            open_or_close(&place, *reader.at++);
            continue;
        }
        if (!skip_name(&reader, &place, &is_data))
            return;
        if (!is_data || peek(&reader) != '[')
            continue;
        numbers->begin = (size_t)(reader.at - json);
        if (skip_list(&reader, &numbers->count))
            numbers->end = (size_t)(reader.at - json);
        else
            *numbers = (struct json_numbers){0};
        return;
    }
}

/* ---- their values ---- */

/* Of ten; all of them are exact. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

enum {
    MAX_POWER = sizeof powers / sizeof powers[0] - 1,
    MAX_DIGITS = 19 /* that a uint64_t has room for */
};

/* Reads a number of few digits without an exponent, as Python writes floats,
 * ten times as fast as strtod(). Two roundings of a double, at most, leave a
 * float what it is. false: the number is another one. */
static bool read_short(double *value, const uint8_t **at)
{
    const uint8_t *p = *at;
    const bool is_negative = *p == '-';
    uint64_t digits = 0;
    size_t count = 0, behind_point = 0;
    bool has_point = false;

    for (p += is_negative; is_digit(*p) || *p == '.'; p++) {
        if (*p == '.') {
            has_point = true;
            continue;
        }
        count += digits > 0 || *p != '0';
        behind_point += has_point;
        if (count > MAX_DIGITS || behind_point > MAX_POWER)
            return false;
        digits = digits * 10 + (unsigned)(*p - '0');
    }
    if (*p == 'e' || *p == 'E')
        return false;
    *value = (double)digits / powers[behind_point];
    if (is_negative)
        *value = -*value;
    *at = p;
    return true;
}

double json_numbers_next(const uint8_t **at)
{
    double value;
    char *end;

    while (is_space(**at) || **at == '[' || **at == ']' || **at == ',')
        ++*at;
    if (read_short(&value, at))
        return value;
    value = strtod((const char *)*at, &end);
    *at = (const uint8_t *)end;
    return value;
}
