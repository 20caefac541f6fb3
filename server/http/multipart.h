#ifndef SERVER_HTTP_MULTIPART_H
#define SERVER_HTTP_MULTIPART_H

/* Reads multipart/form-data (RFC 7578, 2046) as it comes in, in pieces of any
 * length, and tells a sink of its parts:
 *
 *     multipart_init(&form, content_type, &sink, &err)
 *     multipart_feed(&form, bytes, len, &err)      as often as there is some
 *     multipart_end(&form, &err)
 *
 * How the bytes are cut into pieces makes no difference but to how the contents
 * of a part are cut. The time is linear in the bytes; the memory is this
 * struct.
 *
 * Read as they are seen: lines of headers that end with LF alone or are
 * continued (obs-fold), blanks behind a boundary, text before the first and
 * behind the last, and whole forms whose lines end with LF alone, as told by
 * the line of their first boundary. A line that begins as a boundary does but
 * goes on is the part's.
 *
 * One thread at a time. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"

enum {
    MULTIPART_MAX_BOUNDARY = 70,  /* RFC 2046, section 5.1.1 */
    MULTIPART_MAX_HEAD = 8192,    /* all headers of a part together */
    MULTIPART_MAX_TAIL = 64,      /* blanks behind a boundary, and the like */
    MULTIPART_DELIMITER_SIZE = 75 /* "\r\n--", the boundary, NUL */
};

/* What the headers of a part say. The texts are borrowed for the call. */
struct multipart_part {
    const char *name;     /* may be empty */
    const char *type;     /* its Content-Type, or "" */
    const char *encoding; /* its Content-Transfer-Encoding, or "" */
    bool is_file;         /* there is a filename, even if it is empty */
};

/* Where the parts go. Each function returns false to end it all. */
struct multipart_sink {
    void *arg;
    bool (*begin)(void *arg, const struct multipart_part *part);
    bool (*data)(void *arg, const char *bytes, size_t len); /* len > 0 */
};

enum multipart_state {
    MULTIPART_BODY, /* what is before the first boundary, or in a part */
    MULTIPART_TAIL, /* behind a boundary, on its line */
    MULTIPART_HEAD, /* in the headers of a part */
    MULTIPART_DONE  /* behind the last boundary */
};

struct multipart {
    struct multipart_sink sink;
    enum multipart_state state;
    bool in_part; /* the body is a part's, not what is before the first */
    bool bare_lf; /* lines end with LF alone */

    char delimiter[MULTIPART_DELIMITER_SIZE]; /* with CR and LF in front */
    size_t delimiter_len;
    size_t matched;  /* bytes of it that were the latest to come */
    size_t borrowed; /* of those, how many are not of the body */

    char tail[MULTIPART_MAX_TAIL]; /* (tail_len) */
    size_t tail_len;

    char head[MULTIPART_MAX_HEAD + 1]; /* (head_len) */
    size_t head_len;
    size_t line_pos; /* where its latest line begins */
    char name[MULTIPART_MAX_HEAD + 1];
};

/* Takes the boundary from the Content-Type. ERROR_INPUT: there is none, or none
 * that can be used. */
bool multipart_init(struct multipart *form, const char *content_type,
                    const struct multipart_sink *sink, struct error *err)
    __attribute__((warn_unused_result));

/* Takes the next bytes. ERROR_INPUT: they are not well formed. ERROR_LIMIT: the
 * headers of a part are too long. false without an error: the sink ended it.
 * After a failure nothing more may be fed. */
bool multipart_feed(struct multipart *form, const char *bytes, size_t len,
                    struct error *err) __attribute__((warn_unused_result));

/* There are no more bytes. ERROR_INPUT: it ends before its last boundary. */
bool multipart_end(const struct multipart *form, struct error *err)
    __attribute__((warn_unused_result));

#endif
