#include "server/http/multipart.h"

#include <string.h>
#include <strings.h>

#include "server/http/header_param.h"

enum { NUL_STAND_IN = '\1' };

bool multipart_init(struct multipart *form, const char *content_type,
                    const struct multipart_sink *sink, struct error *err)
{
    char boundary[MULTIPART_MAX_BOUNDARY + 1];

    *form = (struct multipart){
        .sink = *sink, .bare_lf = true, .matched = 1, .borrowed = 1};
    switch (header_param_find(boundary, sizeof boundary, content_type,
                              "boundary")) {
    case HEADER_PARAM_LONG:
        return fail(err, ERROR_INPUT,
                    "the boundary in the Content-Type is longer than the %d "
                    "characters allowed",
                    MULTIPART_MAX_BOUNDARY);
    case HEADER_PARAM_BROKEN:
        return fail(err, ERROR_INPUT,
                    "the boundary in the Content-Type is given twice, or its "
                    "closing quote is missing");
    case HEADER_PARAM_NONE:
    case HEADER_PARAM_FOUND:
        break;
    }
    if (boundary[0] == '\0')
        return fail(err, ERROR_INPUT,
                    "the Content-Type has no boundary; let the library that "
                    "encodes the form set this header");
    memcpy(form->delimiter, "\r\n--", 4);
    memcpy(form->delimiter + 4, boundary, strlen(boundary) + 1);
    form->delimiter_len = 4 + strlen(boundary);
    return true;
}

/* ---- the headers of a part ---- */

/* Terminates the header that begins at `line`, joins its continuation lines,
 * and returns the beginning of the next header. */
static char *end_header(char *line)
{
    char *end = strchr(line, '\n');

    while (end && (end[1] == ' ' || end[1] == '\t')) {
        if (end > line && end[-1] == '\r')
            end[-1] = ' ';
        *end = ' ';
        end = strchr(end, '\n');
    }
    if (!end)
        return line + strlen(line);
    *end = '\0';
    if (end > line && end[-1] == '\r')
        end[-1] = '\0';
    return end + 1;
}

static void trim(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        text[--len] = '\0';
}

/* The headers that are read; each is "" at first. */
enum { DISPOSITION, TYPE, ENCODING, NUM_WANTED };

static bool read_header(const char **values, char *line, struct error *err)
{
    static const char *const names[NUM_WANTED] = {
        [DISPOSITION] = "Content-Disposition",
        [TYPE] = "Content-Type",
        [ENCODING] = "Content-Transfer-Encoding",
    };
    char *value = strchr(line, ':');

    if (!value)
        return fail(err, ERROR_INPUT, "a header line of a part has no colon");
    *value++ = '\0';
    value += strspn(value, " \t");
    trim(line);
    trim(value);
    for (size_t i = 0; i < NUM_WANTED; i++) {
        if (strcasecmp(line, names[i]) != 0)
            continue;
        if (values[i][0] != '\0')
            return fail(err, ERROR_INPUT, "a part has two %s headers",
                        names[i]);
        values[i] = value;
    }
    return true;
}

static bool find_name(struct multipart *form, const char *disposition,
                      struct error *err)
{
    enum header_param found =
        header_param_find(form->name, sizeof form->name, disposition, "name");

    if (found == HEADER_PARAM_BROKEN)
        return fail(err, ERROR_INPUT,
                    "the name in the Content-Disposition of a part is given "
                    "twice, or its closing quote is missing");
    if (found == HEADER_PARAM_NONE || strchr(form->name, NUL_STAND_IN))
        return fail(err, ERROR_INPUT, "a part of the form has no name");
    return true;
}

/* Terminates the head. NUL bytes are replaced, so that they hide nothing and a
 * name with one can be refused. */
static void end_head(struct multipart *form)
{
    for (size_t i = 0; i < form->head_len; i++)
        if (form->head[i] == '\0')
            form->head[i] = NUL_STAND_IN;
    form->head[form->head_len] = '\0';
}

static bool begin_part(struct multipart *form, struct error *err)
{
    const char *values[NUM_WANTED] = {"", "", ""};
    struct multipart_part part = {.name = form->name};
    char filename[1];

    end_head(form);
    for (char *line = form->head, *next; *line != '\0'; line = next) {
        next = end_header(line);
        if (*line != '\0' && !read_header(values, line, err))
            return false;
    }
    if (!find_name(form, values[DISPOSITION], err))
        return false;
    part.type = values[TYPE];
    part.encoding = values[ENCODING];
    part.is_file = header_param_find(filename, 1, values[DISPOSITION],
                                     "filename") != HEADER_PARAM_NONE ||
                   header_param_find(filename, 1, values[DISPOSITION],
                                     "filename*") != HEADER_PARAM_NONE;
    form->in_part = true;
    form->state = MULTIPART_BODY;
    /* If the part is empty, the line end before its boundary is that of the
     * empty line. */
    form->matched = form->borrowed = form->bare_lf ? 1 : 2;
    return form->sink.begin(form->sink.arg, &part);
}

static bool is_empty_line(const char *line, size_t len)
{
    return len == 1 || (len == 2 && line[0] == '\r');
}

static bool take_head(struct multipart *form, const char *bytes, size_t len,
                      size_t *used, struct error *err)
{
    const char *end = memchr(bytes, '\n', len);
    size_t taken = end ? (size_t)(end - bytes) + 1 : len;

    if (taken > MULTIPART_MAX_HEAD - form->head_len)
        return error_limit(err, MULTIPART_MAX_HEAD,
                           "the headers of a part are longer than the %d bytes "
                           "allowed",
                           MULTIPART_MAX_HEAD);
    memcpy(form->head + form->head_len, bytes, taken);
    form->head_len += taken;
    *used = taken;
    if (!end)
        return true;
    if (is_empty_line(form->head + form->line_pos,
                      form->head_len - form->line_pos))
        return begin_part(form, err);
    form->line_pos = form->head_len;
    return true;
}

/* ---- bodies and boundaries ---- */

static bool emit(const struct multipart *form, const char *bytes, size_t len)
{
    return !form->in_part || len == 0 ||
           form->sink.data(form->sink.arg, bytes, len);
}

/* The number of bytes before the delimiter, or before a prefix of it at the end
 * of the bytes. */
static size_t find_delimiter(const char *bytes, size_t len, const char *text,
                             size_t text_len)
{
    const char *found = memmem(bytes, len, text, text_len);
    size_t rest = len < text_len ? len : text_len - 1;

    if (found)
        return (size_t)(found - bytes);
    while (rest > 0 && memcmp(bytes + len - rest, text, rest) != 0)
        rest--;
    return len - rest;
}

/* Passes on what was held back as a possible boundary. */
static bool give_back(struct multipart *form)
{
    const char *text = form->delimiter + form->bare_lf;
    size_t held = form->matched - form->borrowed, borrowed = form->borrowed;

    form->matched = 0;
    form->borrowed = 0;
    return emit(form, text + borrowed, held);
}

/* The delimiter contains CR and LF only at its beginning. So if a match fails,
 * no other match has begun inside it. */
static bool take_body(struct multipart *form, const char *bytes, size_t len,
                      size_t *used)
{
    const char *text = form->delimiter + form->bare_lf;
    size_t text_len = form->delimiter_len - form->bare_lf;
    size_t pos = 0;

    if (form->matched == 0) {
        pos = find_delimiter(bytes, len, text, text_len);
        if (!emit(form, bytes, pos))
            return false;
    }
    while (pos < len && form->matched < text_len &&
           bytes[pos] == text[form->matched]) {
        pos++;
        form->matched++;
    }
    *used = pos;
    if (form->matched == text_len) {
        form->state = MULTIPART_TAIL;
        form->tail_len = 0;
        return true;
    }
    return pos == len || give_back(form);
}

static bool leave_tail(struct multipart *form)
{
    form->state = MULTIPART_BODY;
    return give_back(form) && emit(form, form->tail, form->tail_len);
}

static void begin_head(struct multipart *form)
{
    if (!form->in_part) /* the first boundary shows how lines end */
        form->bare_lf =
            form->tail_len == 0 || form->tail[form->tail_len - 1] != '\r';
    form->state = MULTIPART_HEAD;
    form->head_len = 0;
    form->line_pos = 0;
}

/* Takes a byte after a boundary: the line ends, possibly after blanks, or two
 * dashes mark the last boundary. */
static bool take_tail(struct multipart *form, char byte, size_t *used)
{
    char last = form->tail_len > 0 ? form->tail[form->tail_len - 1] : ' ';
    bool blank = last == ' ' || last == '\t';

    *used = 1;
    if (byte == '\n' && last != '-') {
        begin_head(form);
        return true;
    }
    if (byte == '-' && last == '-') {
        form->state = MULTIPART_DONE;
        return true;
    }
    if (form->tail_len < sizeof form->tail &&
        ((blank && (byte == ' ' || byte == '\t' || byte == '\r')) ||
         (form->tail_len == 0 && byte == '-'))) {
        form->tail[form->tail_len++] = byte;
        return true;
    }
    *used = 0;
    return leave_tail(form);
}

static bool take(struct multipart *form, const char *bytes, size_t len,
                 size_t *used, struct error *err)
{
    switch (form->state) {
    case MULTIPART_BODY:
        return take_body(form, bytes, len, used);
    case MULTIPART_TAIL:
        return take_tail(form, *bytes, used);
    case MULTIPART_HEAD:
        return take_head(form, bytes, len, used, err);
    case MULTIPART_DONE:
        break;
    }
    *used = len;
    return true;
}

bool multipart_feed(struct multipart *form, const char *bytes, size_t len,
                    struct error *err)
{
    for (size_t pos = 0, used = 0; pos < len; pos += used)
        if (!take(form, bytes + pos, len - pos, &used, err))
            return false;
    return true;
}

bool multipart_end(const struct multipart *form, struct error *err)
{
    if (form->state == MULTIPART_DONE)
        return true;
    if (!form->in_part && form->state == MULTIPART_BODY)
        return fail(
            err, ERROR_INPUT,
            "the boundary in the Content-Type does not occur in the body");
    return fail(err, ERROR_INPUT, "the form ends before its last boundary");
}
