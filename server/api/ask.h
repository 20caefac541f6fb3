#ifndef SERVER_API_ASK_H
#define SERVER_API_ASK_H

/* What the client of POST /cam asks for: its options, checked. The table in
 * ask.c has one row an option; query parameters and form fields are read by
 * the same rows. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/http/params.h"

enum {
    ASK_MAX_CLASSES = 16, /* maps in one answer: each costs a box too */
    ASK_MAX_HEATMAP_SIZE = 4096
};

/* In struct ask.classes: all of the best `top` classes, in their order. */
#define ASK_TOP SIZE_MAX

enum ask_heatmap { ASK_OVERLAY, ASK_MAP, ASK_NONE };

struct ask {
    size_t top;                      /* 1..the model's number of classes */
    size_t classes[ASK_MAX_CLASSES]; /* (num_classes) indices, or ASK_TOP */
    size_t num_classes;              /* 0: the best one */
    enum ask_heatmap heatmap;
    struct render_options style; /* overlay follows `heatmap` */
    bool values;
    float threshold; /* 0..1 */
};

/* Reads the options of a question about `engine`; where it is NULL, since the
 * model is not known yet, what depends on it is not looked at. The option
 * "model" is only checked to be there once at most. ERROR_INPUT names the
 * option and what it accepts; of an unknown one, the options there are. Any
 * thread. */
bool ask_parse(struct ask *ask, const struct params *params,
               const struct engine *engine, struct error *err)
    __attribute__((warn_unused_result));

/* One option, for documentation at run time (GET /model). */
struct ask_option {
    const char *name;
    const char *fallback; /* the default */
    const char *accepts;
    const char *help;
};

/* Option number `i`; returns false past the last. */
bool ask_option(struct ask_option *option, size_t i);

#endif
