#ifndef SERVER_HTTP_MULTIPART_H
#define SERVER_HTTP_MULTIPART_H

/* Reads multipart/form-data (RFC 7578, 2046) as it arrives, in pieces of any
 * length, and passes its parts to a sink:
 *
 *     multipart_init(&form, content_type, &sink, &err)
 *     multipart_feed(&form, bytes, len, &err)      as often as there is some
 *     multipart_end(&form, &err)
 *
 * The division into pieces only affects the pieces that the sink gets. The time
 * is linear in the number of bytes; the memory is this struct.
 *
 * Also accepts what clients send in practice: header lines that end with LF
 * alone or are folded (obs-fold), blanks after a boundary, text before the
 * first boundary and after the last, and forms whose lines all end with LF
 * alone, as the line of the first boundary shows. A line that begins like a
 * boundary but continues belongs to the part.
 *
 * One thread at a time. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"

enum {
    MULTIPART_MAX_BOUNDARY = 70,  /* RFC 2046, section 5.1.1 */
    MULTIPART_MAX_HEAD = 8192,    /* all headers of a part together */
    MULTIPART_MAX_TAIL = 64,      /* blanks after a boundary, and the like */
    MULTIPART_DELIMITER_SIZE = 75 /* "\r\n--", the boundary, NUL */
};

/* The headers of a part. The texts are borrowed for the call. */
struct multipart_part {
    const char *name;     /* may be empty */
    const char *type;     /* its Content-Type, or "" */
    const char *encoding; /* its Content-Transfer-Encoding, or "" */
    bool is_file;         /* it has a filename, perhaps empty */
};

/* Receives the parts. Each function returns false to stop. */
struct multipart_sink {
    void *arg;
    bool (*begin)(void *arg, const struct multipart_part *part);
    bool (*data)(void *arg, const char *bytes, size_t len); /* len > 0 */
};

enum multipart_state {
    MULTIPART_BODY, /* before the first boundary, or in a part */
    MULTIPART_TAIL, /* after a boundary, on its line */
    MULTIPART_HEAD, /* in the headers of a part */
    MULTIPART_DONE  /* after the last boundary */
};

struct multipart {
    struct multipart_sink sink;
    enum multipart_state state;
    bool in_part; /* the bytes belong to a part, not to the preamble */
    bool bare_lf; /* lines end with LF alone */

    char delimiter[MULTIPART_DELIMITER_SIZE]; /* with CR and LF in front */
    size_t delimiter_len;
    size_t matched;  /* bytes of it matched so far */
    size_t borrowed; /* of those, bytes that are not from the body */

    char tail[MULTIPART_MAX_TAIL]; /* (tail_len) */
    size_t tail_len;

    char head[MULTIPART_MAX_HEAD + 1]; /* (head_len) */
    size_t head_len;
    size_t line_pos; /* where its last line begins */
    char name[MULTIPART_MAX_HEAD + 1];
};

/* Takes the boundary from the Content-Type. ERROR_INPUT: it is missing or
 * invalid. */
bool multipart_init(struct multipart *form, const char *content_type,
                    const struct multipart_sink *sink, struct error *err)
    __attribute__((warn_unused_result));

/* Takes the next bytes. ERROR_INPUT: the form is malformed. ERROR_LIMIT: the
 * headers of a part are too long. false without an error: the sink stopped.
 * After a failure, feed nothing more. */
bool multipart_feed(struct multipart *form, const char *bytes, size_t len,
                    struct error *err) __attribute__((warn_unused_result));

/* Ends the form. ERROR_INPUT: the last boundary is missing. */
bool multipart_end(const struct multipart *form, struct error *err)
    __attribute__((warn_unused_result));

#endif
