#ifndef ENGINE_EVALUATE_CSV_H
#define ENGINE_EVALUATE_CSV_H

/* Reads comma-separated values (RFC 4180). One thread at a time. */

#include <stddef.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

enum { CSV_MAX_FIELDS = 1024, CSV_MAX_BYTES = 64 << 20 };

/* `= {0}` is empty. */
struct csv {
    struct buf file; /* owned; read fields are NUL-terminated in it */
    char *at;        /* where the next record begins; borrowed from file */
    char *end;       /* of the file, a NUL; borrowed from file */
    size_t line;     /* where the current record begins, from 1; 0: none yet */
    size_t next_line;
    /* (num_fields) of the current record, unquoted; borrowed from file */
    const char *fields[CSV_MAX_FIELDS];
    size_t num_fields;
};

/* Reads the file. A byte-order mark is skipped. ERROR_IO; ERROR_LIMIT: the file
 * is longer than CSV_MAX_BYTES; ERROR_INPUT: it has a NUL byte; ERROR_MEMORY.
 * csv is empty after a failure. */
bool csv_open(struct csv *csv, const char *path, struct error *err)
    __attribute__((warn_unused_result));

/* Reads the next record that is not an empty line; *has_record is false at the
 * end of the file. Lines end in LF or CRLF, which the last one may lack.
 * ERROR_INPUT: a quote is misplaced or missing; ERROR_LIMIT: more than
 * CSV_MAX_FIELDS fields; the text does not name the line. */
bool csv_next(struct csv *csv, bool *has_record, struct error *err)
    __attribute__((warn_unused_result));

void csv_release(struct csv *csv);

#endif
