#ifndef SERVER_API_REPLY_H
#define SERVER_API_REPLY_H

/* An answer on its way to a client, and how results become JSON. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/api/ask.h"
#include "server/config/config.h"
#include "server/work/model.h"

enum { REPLY_MAX_HEADERS = 20, REPLY_HEADER_SIZE = 256 };

struct reply_header {
    const char *name; /* a constant */
    char value[REPLY_HEADER_SIZE];
};

/* `= {0}` is empty: no answer yet. One thread at a time. */
struct reply {
    unsigned status;          /* 0: no answer yet */
    const char *content_type; /* a constant; NULL where there is no body */
    struct buf body;          /* owned */
    const uint8_t *constant;  /* instead of body: bytes that live for ever */
    size_t constant_len;
    struct reply_header headers[REPLY_MAX_HEADERS]; /* (num_headers) */
    size_t num_headers;
    bool close;       /* hang up afterwards */
    const char *kind; /* of a problem, a constant; NULL where it is none */
    const char *id;   /* of the request, for problems; borrowed, or NULL */
};

/* Adds a header. Too many, or too long a value, is a bug and is dropped. */
void reply_header(struct reply *reply, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Milliseconds a request spent where the engine does not see it. */
struct reply_timing {
    double queue;
};

/* The answer of POST /cam as JSON, from the session's last run. Appends to
 * reply->body and sets status and type. Renders the maps, boxes and the
 * heatmap that `ask` wants: it takes the time of that. ERROR_MEMORY,
 * ERROR_INTERNAL. Any thread that owns the session. */
bool reply_cam_json(struct reply *reply, struct engine_session *session,
                    const struct engine *engine, const struct ask *ask,
                    const struct reply_timing *timing, struct error *err)
    __attribute__((warn_unused_result));

/* The heatmap itself. ERROR_UNSUPPORTED: the model has no CAM head. */
bool reply_cam_png(struct reply *reply, struct engine_session *session,
                   const struct ask *ask, struct error *err)
    __attribute__((warn_unused_result));

/* What the model is, the limits and the options of POST /cam: GET /model.
 * ERROR_MEMORY. */
bool reply_model(struct reply *reply, const struct model *model,
                 const struct config *config, struct error *err)
    __attribute__((warn_unused_result));

/* What each of `models` (count) is: GET /models. ERROR_MEMORY. */
bool reply_models(struct reply *reply, struct model *const *models,
                  size_t count, struct error *err)
    __attribute__((warn_unused_result));

void reply_release(struct reply *reply);

#endif
