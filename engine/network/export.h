#ifndef ENGINE_NETWORK_EXPORT_H
#define ENGINE_NETWORK_EXPORT_H

/* Writes a network together with its gradient as an ordinary ONNX file, which
 * any runtime runs: the picture goes in, and the gradient of a target comes out
 * beside the logits. See docs/models.md for what is in the file. */

#include <stddef.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/network/inspect.h"
#include "engine/onnx/onnx_summary.h"
#include "engine/passes/gradient_rule.h"

/* X(enumerator, name) */
#define EXPORT_TARGETS(X)                                    \
    X(EXPORT_LOGIT, "logit")         /* the class's logit */ \
    X(EXPORT_LOG_SCORE, "log-score") /* log of its score */  \
    X(EXPORT_MARGIN, "margin")       /* its logit minus another one's */

/* X(enumerator of enum gradient_rule, name), in its order */
#define EXPORT_RULES(X)          \
    X(GRADIENT_PLAIN, "plain")   \
    X(GRADIENT_GUIDED, "guided") \
    X(GRADIENT_DECONVNET, "deconvnet")

enum export_kind {
    EXPORT_SEED, /* any: its gradient by the logits is an input of the file */
#define X(kind, name) kind,
    EXPORT_TARGETS(X)
#undef X
};

/* `= {0}` is any target. */
struct export_target {
    enum export_kind kind;
    size_t class, against; /* numbers of classes; the latter of a margin */
};

/* `= {0}` is the gradient of the picture, plain and of any target. */
struct export_options {
    const char *layer; /* a value's name; NULL: the network's input */
    enum gradient_rule rule;
    struct export_target target;
};

/* Reads "logit:CLASS", "log-score:CLASS" or "margin:CLASS,AGAINST".
 * ERROR_INPUT. */
bool export_target_parse(struct export_target *target, const char *text,
                         struct error *err) __attribute__((warn_unused_result));

/* Reads a network, by the path of an ONNX file or a model's folder, and appends
 * the file to an empty buffer; an empty summary becomes that of the new file.
 *
 * ERROR_INPUT        there is no such layer or class; and as network_read
 * ERROR_UNSUPPORTED  an operation has no gradient (gradient_append), or cannot
 *                    be written (onnx_write); and as network_read
 * ERROR_LIMIT        larger than an ONNX file can be; and as network_read
 * ERROR_IO, ERROR_MEMORY
 * On failure both are empty. Any thread. */
bool export_gradient(struct buf *file, struct onnx_summary *summary,
                     const char *path, const struct inspect_options *look,
                     const struct export_options *options, struct error *err)
    __attribute__((warn_unused_result));

#endif
