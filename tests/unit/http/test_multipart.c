/* Forms, by the examples and the grammar of RFC 2046, 2183 and 7578, and as
 * clients are seen to write them. Each is read whole and in pieces of every
 * small length, and must say the same. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/header_param.h"
#include "server/http/multipart.h"

#include <cmocka.h>

enum { TEXT_SIZE = 32768, MAX_PIECE = 9 };

/* What was read, as text: "[name]contents", or "[name*]contents" of a file. */
struct log {
    char text[TEXT_SIZE];
    size_t len;
    size_t max_parts; /* the sink ends it there; 0: never */
    size_t num_parts;
};

static void log_bytes(struct log *log, const char *bytes, size_t len)
{
    assert_true(log->len + len < sizeof log->text);
    memcpy(log->text + log->len, bytes, len);
    log->len += len;
    log->text[log->len] = '\0';
}

static void log_text(struct log *log, const char *text)
{
    log_bytes(log, text, strlen(text));
}

static bool on_begin(void *arg, const struct multipart_part *part)
{
    struct log *log = arg;

    if (log->max_parts > 0 && log->num_parts == log->max_parts)
        return false;
    log->num_parts++;
    log_text(log, "[");
    log_text(log, part->name);
    log_text(log, part->is_file ? "*" : "");
    if (part->type[0]) {
        log_text(log, " ");
        log_text(log, part->type);
    }
    if (part->encoding[0]) {
        log_text(log, " as ");
        log_text(log, part->encoding);
    }
    log_text(log, "]");
    return true;
}

static bool on_data(void *arg, const char *bytes, size_t len)
{
    assert_true(len > 0);
    log_bytes(arg, bytes, len);
    return true;
}

/* Reads the form in pieces of this length (0: whole). Each piece is in memory
 * of its own, so that a sanitizer sees what is read beyond it. */
static bool read_form(struct log *log, struct multipart *form, const char *type,
                      const char *body, size_t len, size_t piece,
                      struct error *err)
{
    struct multipart_sink sink = {log, on_begin, on_data};

    if (!multipart_init(form, type, &sink, err))
        return false;
    if (piece == 0)
        piece = len;
    for (size_t pos = 0; pos < len; pos += piece) {
        size_t n = len - pos < piece ? len - pos : piece;
        char *bytes = malloc(n);
        bool ok;

        assert_non_null(bytes);
        memcpy(bytes, body + pos, n);
        ok = multipart_feed(form, bytes, n, err);
        free(bytes);
        if (!ok)
            return false;
    }
    return multipart_end(form, err);
}

/* What is read, or the error's text. */
static void check_in_pieces(const char *type, const char *body, size_t len,
                            size_t piece, const char *expected)
{
    static struct multipart form;
    static struct log log;
    struct error err = {0};

    log = (struct log){0};
    if (read_form(&log, &form, type, body, len, piece, &err)) {
        assert_int_equal(err.kind, ERROR_NONE);
        assert_string_equal(log.text, expected);
    } else {
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_string_equal(err.text, expected);
    }
}

static void check(const char *type, const char *body, const char *expected)
{
    for (size_t piece = 0; piece <= MAX_PIECE; piece++)
        check_in_pieces(type, body, strlen(body), piece, expected);
}

#define BB "multipart/form-data; boundary=bb"
#define CD "Content-Disposition: form-data; "
#define LAST "\r\n--bb--\r\n"
#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

struct form {
    const char *body;
    const char *expected;
};

static void check_all(const struct form *forms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(BB, forms[i].body, forms[i].expected);
}

static void the_headers_of_a_part_are_read_as_clients_write_them(void **state)
{
    static const struct form forms[] = {
        /* browsers, curl */
        {"--bb\r\n" CD "name=\"a\"\r\n\r\n1" LAST, "[a]1"},
        {"--bb\r\n" CD "name=\"a\"; filename=\"b.jpg\"\r\n"
         "Content-Type: image/jpeg\r\n\r\n1" LAST,
         "[a* image/jpeg]1"},
        {"--bb\r\n" CD "name=\"a%22%0D%0A\"; filename=\"%22\"\r\n\r\n1" LAST,
         "[a%22%0D%0A*]1"},
        {"--bb\r\n" CD "name=\"a\"; filename=\"C:\\x\\\"\r\n\r\n1" LAST,
         "[a*]1"},
        {"--bb\r\n" CD "name=\"a\"; filename=\"\"\r\n\r\n" LAST, "[a*]"},
        {"--bb\r\n" CD "name=\"\"\r\n\r\n1\r\n--bb\r\n" CD
         "name=\r\n\r\n2" LAST,
         "[]1[]2"},
        /* .NET, Ktor */
        {"--bb\r\n" CD "name=a\r\n\r\n1" LAST, "[a]1"},
        {"--bb\r\nContent-Type: image/jpeg\r\n" CD
         "name=a; filename=b.jpg; filename*=utf-8''b.jpg\r\n\r\n1" LAST,
         "[a* image/jpeg]1"},
        {"--bb\r\n" CD "filename*=UTF-8''%C3%A4; name=a\r\n\r\n1" LAST,
         "[a*]1"},
        {"--bb\r\nContent-Disposition: form-data;name=a;filename=b c.jpg\r\n"
         "\r\n1" LAST,
         "[a*]1"},
        /* any case, blanks, escapes, order */
        {"--bb\r\nCONTENT-DISPOSITION:FORM-DATA;NAME=a;FILENAME="
         "b\r\n\r\n1" LAST,
         "[a*]1"},
        {"--bb\r\ncontent-disposition:\t form-data ;\tname = \"a\" ; "
         "x\r\n\r\n1" LAST,
         "[a]1"},
        {"--bb\r\n" CD
         "filename=\"a;name=b\\\"\"; name=\"\\a;\\\\\"\r\n\r\n1" LAST,
         "[a;\\*]1"},
        {"--bb\r\n" CD "xname=b; name=a; name*=c; filenamex=d\r\n\r\n1" LAST,
         "[a]1"},
        {"--bb\r\nX: y\r\nContent-Length: 1\r\n" CD "name=\"a\"\r\n"
         "Content-Transfer-Encoding: binary\r\nContent-ID: <1>\r\n\r\n1" LAST,
         "[a as binary]1"},
        {"--bb\r\n" CD "name=\"a\"\r\nContent-Type: text/plain; charset=UTF-8"
         "\r\n\r\n1" LAST,
         "[a text/plain; charset=UTF-8]1"},
        /* continued lines; lines that end with LF */
        {"--bb\r\nContent-Disposition:\r\n form-data;\r\n\tname=\"a\";\r\n"
         " filename=b\r\n\r\n1" LAST,
         "[a*]1"},
        {"--bb\r\nContent-Disposition: form-data; name=a\n\n1" LAST, "[a]1"},
    };

    (void)state;
    check_all(forms, LENGTH(forms));
}

static void a_boundary_is_where_a_line_says_so(void **state)
{
    static const struct form forms[] = {
        {"--bb--", ""},
        {"--bb--\r\n--bb\r\nanything", ""},
        {"preamble\r\n\r\n--bbx\r\n --bb\r\n--bb\r\n" CD "name=a\r\n\r\n1"
         "\r\n--bb--epilogue\r\n--bb\r\n",
         "[a]1"},
        {"\r\n--bb\r\n" CD "name=a\r\n\r\n1\r\n--bb--", "[a]1"},
        /* blanks behind it, and a line that goes on */
        {"--bb \t \r\n" CD "name=a\r\n\r\n1\r\n--bb\t\r\n" CD
         "name=b\r\n\r\n2\r\n--bb--  \r\n",
         "[a]1[b]2"},
        {"--bb\r\n" CD "name=a\r\n\r\n1\r\n--bbb\r\n--b\r\n--bb-\r\n--bb -\r\n"
         "--bb x\r\n--bb\rx\r\n-bb\r\n\r\n--bc\r\n--bb--",
         "[a]1\r\n--bbb\r\n--b\r\n--bb-\r\n--bb -\r\n--bb x\r\n--bb\rx\r\n-bb"
         "\r\n\r\n--bc"},
        {"--bb\r\n" CD "name=a\r\n\r\n--bbx\r\n--bb--", "[a]--bbx"},
        /* what looks like its beginning, and then is it */
        {"--bb\r\n" CD "name=a\r\n\r\n\r\r\n\r\n-\r\n--\r\n--b\r\r\n--bb--",
         "[a]\r\r\n\r\n-\r\n--\r\n--b\r"},
        {"--bb\r\n" CD "name=a\r\n\r\n1\n--bb--\r\n--bb--", "[a]1\n--bb--"},
        /* parts without contents, and without the line for them */
        {"--bb\r\n" CD "name=a\r\n\r\n\r\n--bb\r\n" CD "name=b\r\n\r\n--bb--",
         "[a][b]"},
        {"--bb\r\n" CD "name=a\r\n\r\n\r\n\r\n--bb--", "[a]\r\n"},
        /* all lines end with LF */
        {"--bb\n" CD "name=a\n\n1\n2\r\n--bb\n" CD "name=b\n\n--bb--\n",
         "[a]1\n2\r[b]"},
        {"preamble\r\n--bb\n" CD "name=a\n\n1\n--bb--\n", "[a]1"},
    };

    (void)state;
    check_all(forms, LENGTH(forms));
}

static void a_form_that_is_not_well_formed_is_said_to_be(void **state)
{
#define EARLY "the form ends before its last boundary"
#define NOWHERE "the boundary in the Content-Type does not occur in the body"
#define NO_NAME "a part of the form has no name"
#define BAD_NAME                                                            \
    "the name in the Content-Disposition of a part is given twice, or its " \
    "closing quote is missing"
    static const struct form forms[] = {
        {"", NOWHERE},
        {"--b", NOWHERE},
        {"--bbb\r\n" CD "name=a\r\n\r\n1\r\n--bbb--", NOWHERE},
        {"--bb", EARLY},
        {"--bb\r\n", EARLY},
        {"--bb\r\n" CD "na", EARLY},
        {"--bb\r\n" CD "name=a\r\n\r\n", EARLY},
        {"--bb\r\n" CD "name=a\r\n\r\n1\r\n--", EARLY},
        {"--bb\r\n" CD "name=a\r\n\r\n1\r\n--bb", EARLY},
        {"--bb\r\n" CD "name=a\r\n\r\n1\r\n--bb-", EARLY},
        {"--bb\r\n" CD "name=a\r\n\r\n1\r\n--bb\r\n", EARLY},
        {"--bb\r\n\r\n1" LAST, NO_NAME},
        {"--bb\r\n" CD "\r\n\r\n1" LAST, NO_NAME},
        {"--bb\r\n" CD "name\r\n\r\n1" LAST, NO_NAME},
        {"--bb\r\n" CD "xname=a\r\n\r\n1" LAST, NO_NAME},
        {"--bb\r\nContent-Type: x; name=a\r\n\r\n1" LAST, NO_NAME},
        {"--bb\r\n" CD "name=\"a\r\n\r\n1" LAST, BAD_NAME},
        {"--bb\r\n" CD "name=a; NAME=a\r\n\r\n1" LAST, BAD_NAME},
        {"--bb\r\n" CD "name=a\r\n" CD "name=a\r\n\r\n1" LAST,
         "a part has two Content-Disposition headers"},
        {"--bb\r\nnonsense\r\n" CD "name=a\r\n\r\n1" LAST,
         "a header line of a part has no colon"},
    };

    (void)state;
    check_all(forms, LENGTH(forms));
}

static void a_nul_hides_nothing_and_is_in_no_name(void **state)
{
#define WITH_NUL(bytes) bytes, sizeof(bytes) - 1
    static const struct {
        const char *body;
        size_t len;
        const char *expected;
    } cases[] = {
        {WITH_NUL("--bb\r\nX: \0\r\n" CD "filename=\0;name=a\r\n\r\n1" LAST),
         "[a*]1"},
        {WITH_NUL("--bb\r\n" CD "name=a\0\r\n\r\n1" LAST), NO_NAME},
        {WITH_NUL("--bb\r\n" CD "name=\"\0a\"\r\n\r\n1" LAST), NO_NAME},
        {WITH_NUL("--bb\r\n" CD "na\0me=a\r\n\r\n1" LAST), NO_NAME},
        {WITH_NUL("--bb\r\n\0" CD "name=a\r\n\r\n1" LAST), NO_NAME},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(cases); i++)
        for (size_t piece = 0; piece <= MAX_PIECE; piece++)
            check_in_pieces(BB, cases[i].body, cases[i].len, piece,
                            cases[i].expected);
}

static void boundaries_are_what_rfc_2046_allows(void **state)
{
    static const struct {
        const char *type;
        const char *boundary; /* NULL: it is refused */
        const char *word;     /* of the refusal */
    } cases[] = {
        {"multipart/form-data; boundary=b", "b", NULL},
        {"multipart/form-data;BOUNDARY=b", "b", NULL},
        {"multipart/form-data; boundary=X; charset=UTF-8", "X", NULL},
        {"multipart/form-data; charset=\"a;boundary=c\"; boundary=X", "X",
         NULL},
        {"multipart/form-data; xboundary=a; boundary=b", "b", NULL},
        {"multipart/form-data; boundary=\"X\"; charset=UTF-8", "X", NULL},
        {"multipart/form-data; boundary=\"gateway: b\"", "gateway: b", NULL},
        {"multipart/form-data; boundary=\"a\\\"b\"", "a\"b", NULL},
        {"multipart/form-data; boundary = X ;", "X", NULL},
        {"multipart/form-data; boundary=----=_Part_0_12.34",
         "----=_Part_0_12.34", NULL},
        {"multipart/form-data; boundary=\"0aZ'()+_,-./:=?\"", "0aZ'()+_,-./:=?",
         NULL},
        {"multipart/form-data; boundary=0aZ'()+_,-./:=?", "0aZ'()+_,-./:=?",
         NULL},
        {"multipart/form-data; boundary="
         "123456789012345678901234567890123456789012345678901234567890123456789"
         "0",
         "123456789012345678901234567890123456789012345678901234567890123456789"
         "0",
         NULL},
        {"multipart/form-data; boundary="
         "123456789012345678901234567890123456789012345678901234567890123456789"
         "01",
         NULL, "longer than the 70"},
        {"multipart/form-data", NULL, "has no boundary"},
        {"multipart/form-data; boundary", NULL, "has no boundary"},
        {"multipart/form-data; boundary=", NULL, "has no boundary"},
        {"multipart/form-data; boundary=\"\"", NULL, "has no boundary"},
        {"multipart/form-data boundary=b", NULL, "has no boundary"},
        {"multipart/form-data; boundary=\"b", NULL, "closing quote is missing"},
        {"multipart/form-data; boundary=\"b\\", NULL,
         "closing quote is missing"},
        {"multipart/form-data; boundary=a; boundary=b", NULL, "given twice"},
    };
    struct multipart_sink sink = {NULL, on_begin, on_data};
    struct multipart form;
    char body[256];

    (void)state;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct error err = {0};

        if (!cases[i].boundary) {
            assert_false(multipart_init(&form, cases[i].type, &sink, &err));
            assert_int_equal(err.kind, ERROR_INPUT);
            assert_non_null(strstr(err.text, cases[i].word));
            continue;
        }
        snprintf(body, sizeof body,
                 "--%s\r\n" CD "name=a\r\n\r\n1\r\n--%s--\r\n",
                 cases[i].boundary, cases[i].boundary);
        check(cases[i].type, body, "[a]1");
    }
}

/* A part whose headers have this many bytes together, the empty line included.
 */
static size_t print_head(char *out, size_t head_len)
{
    static const char first[] = "--bb\r\n", last[] = "\r\n\r\n1" LAST;
    static const char header[] = CD "name=a\r\nX: ";
    size_t filler = head_len - (sizeof header - 1) - 4;

    memcpy(out, first, sizeof first - 1);
    memcpy(out + sizeof first - 1, header, sizeof header - 1);
    memset(out + sizeof first + sizeof header - 2, 'x', filler);
    memcpy(out + sizeof first + sizeof header - 2 + filler, last, sizeof last);
    return strlen(out);
}

static void the_headers_of_a_part_have_a_bound(void **state)
{
    static const size_t pieces[] = {0, 1, 7, 4096};
    static char body[MULTIPART_MAX_HEAD + 256];
    static struct multipart form;
    static struct log log;
    size_t len;

    (void)state;
    for (size_t i = 0; i < LENGTH(pieces); i++) {
        struct error err = {0};

        len = print_head(body, MULTIPART_MAX_HEAD);
        check_in_pieces(BB, body, len, pieces[i], "[a]1");
        len = print_head(body, MULTIPART_MAX_HEAD + 1);
        log = (struct log){0};
        assert_false(read_form(&log, &form, BB, body, len, pieces[i], &err));
        assert_int_equal(err.kind, ERROR_LIMIT);
        assert_int_equal(err.limit, MULTIPART_MAX_HEAD);
    }
}

static void blanks_behind_a_boundary_have_a_bound(void **state)
{
    char body[256];

    (void)state;
    snprintf(body, sizeof body,
             "--bb%*s\r\n" CD "name=a\r\n\r\n1\r\n--bb%*s\r\n--bb--", 63, "",
             64, "");
    for (size_t piece = 0; piece <= MAX_PIECE; piece++) {
        char expected[128];

        snprintf(expected, sizeof expected, "[a]1\r\n--bb%*s", 64, "");
        check_in_pieces(BB, body, strlen(body), piece, expected);
    }
}

static void the_sink_can_end_it(void **state)
{
    static const char body[] =
        "--bb\r\n" CD "name=a\r\n\r\n1\r\n--bb\r\n" CD "name=b\r\n\r\n2" LAST;
    static struct multipart form;
    static struct log log = {.max_parts = 1};
    struct error err = {0};

    (void)state;
    assert_false(read_form(&log, &form, BB, body, sizeof body - 1, 0, &err));
    assert_int_equal(err.kind, ERROR_NONE);
    assert_string_equal(log.text, "[a]1");
}

static void bytes_of_all_kinds_come_through(void **state)
{
    static const char head[] = "--bb\r\n" CD "name=a\r\n\r\n";
    static const char last[] = LAST;
    static char body[8192];
    static struct multipart form;
    static struct log log;
    size_t len = sizeof head - 1;
    uint32_t random = 1;

    (void)state;
    memcpy(body, head, len);
    for (int i = 0; i < 7000; i++) { /* what a boundary is made of, mostly */
        random = random * 1664525 + 1013904223;
        body[len++] = random >> 28 == 0 ? (char)(random >> 20)
                                        : "\r\n-b"[random >> 29 & 3];
    }
    for (size_t i = sizeof head - 1; i + 6 <= len; i++)
        if (memcmp(body + i, "\r\n--bb", 6) == 0)
            body[i + 4] = 'x';
    memcpy(body + len, last, sizeof last - 1);
    for (size_t piece = 0; piece < 64; piece++) {
        struct error err = {0};

        log = (struct log){0};
        assert_true(read_form(&log, &form, BB, body, len + sizeof last - 1,
                              piece, &err));
        assert_int_equal(log.len, 3 + len - (sizeof head - 1));
        assert_memory_equal(log.text + 3, body + sizeof head - 1,
                            len - (sizeof head - 1));
    }
}

static void a_parameter_that_does_not_fit_is_said_to_be_long(void **state)
{
    char out[4];

    (void)state;
    assert_int_equal(header_param_find(out, 4, "x; a=123", "a"),
                     HEADER_PARAM_FOUND);
    assert_string_equal(out, "123");
    assert_int_equal(header_param_find(out, 4, "x; a=\"1234\"", "a"),
                     HEADER_PARAM_LONG);
    assert_string_equal(out, "");
    assert_int_equal(header_param_find(out, 4, "a=1", "a"), HEADER_PARAM_NONE);
    assert_int_equal(header_param_find(out, 4, "", "a"), HEADER_PARAM_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_headers_of_a_part_are_read_as_clients_write_them),
        cmocka_unit_test(a_boundary_is_where_a_line_says_so),
        cmocka_unit_test(a_form_that_is_not_well_formed_is_said_to_be),
        cmocka_unit_test(a_nul_hides_nothing_and_is_in_no_name),
        cmocka_unit_test(boundaries_are_what_rfc_2046_allows),
        cmocka_unit_test(the_headers_of_a_part_have_a_bound),
        cmocka_unit_test(blanks_behind_a_boundary_have_a_bound),
        cmocka_unit_test(the_sink_can_end_it),
        cmocka_unit_test(bytes_of_all_kinds_come_through),
        cmocka_unit_test(a_parameter_that_does_not_fit_is_said_to_be_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
