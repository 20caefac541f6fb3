#ifndef ENGINE_ENGINE_ASCEND_H
#define ENGINE_ENGINE_ASCEND_H

/* The picture that excites a class, a channel or a cell most.
 *
 *     struct engine_ascend_request request = ENGINE_ASCEND_REQUEST_DEFAULT;
 *     struct engine_ascend found = {0};
 *
 *     request.target = (struct ascend_target){.is_class = true,
 *                                             .class_index = 281};
 *     if (!engine_ascend_find(session, &found, &request, false, NULL, &err))
 *         ...
 *     engine_ascend_release(&found);
 *
 * Sessions as in engine.h: one thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/ascend/ascend.h"
#include "engine/base/buf.h"
#include "engine/base/cancel.h"
#include "engine/base/error.h"
#include "engine/engine.h"

struct engine_ascend_request {
    struct ascend_target target;
    enum painting_method method;
    uint32_t steps; /* 1..ASCEND_MAX_STEPS */
    uint32_t size;  /* the picture's longer side, in pixels; 0: the input's,
                       but at most ASCEND_MAX_SIZE */
    uint32_t every; /* steps from one picture shown on the way to the next,
                       at least 1 */
    uint32_t shift; /* of views, in pixels of the input, each way */
    uint32_t turn;  /* in degrees, each way */
    uint64_t seed;
    float scale; /* of views, 0 to 1, as in struct view_range */
    float rate;  /* of a step, 0 to 1; 0: the method's own */
    float near;  /* of a photo, 0 to 1, as in struct ascend_options */
};

enum { ENGINE_ASCEND_MAX_SHIFT = 256, ENGINE_ASCEND_MAX_TURN = 180 };

#define ENGINE_ASCEND_REQUEST_DEFAULT                                        \
    {                                                                        \
        .target = {.is_class = true}, .steps = 256, .every = 16, .shift = 8, \
        .turn = 10, .scale = 0.1f, .near = 0.1f,                             \
    }

/* A step, for those who wait for the end. */
struct engine_ascend_step {
    size_t done, total;
    double value; /* of the view that it took */
    /* A PNG of the picture, if it is time for one or this is the last step; or
     * NULL. Borrowed until the function returns. */
    const struct buf *picture;
};

struct engine_ascend_watch {
    const struct cancel *cancel; /* checked between passes, or NULL */
    bool has_pictures;           /* on the way */
    void (*step)(void *user, const struct engine_ascend_step *step);
    void *user;
};

/* `= {0}` is empty. */
struct engine_ascend {
    size_t height, width;
    double rate; /* that was used */
    struct ascend_result result;
    const struct layer *layer; /* of the engine; NULL: a class */
    const struct image *photo; /* of the session, or NULL */
    struct buf picture;        /* a PNG; owned */
    double ms;
};

/* The sides of the picture: that are asked for, in the shape of the input. */
void engine_ascend_size(const struct engine *engine,
                        const struct engine_ascend_request *request,
                        size_t *height, size_t *width);

/* The most passes that it takes. */
size_t engine_ascend_passes(const struct engine_ascend_request *request);

/* Checks what is asked against the model. ERROR_INPUT: the layer does not have
 * the channel or cell. */
bool engine_ascend_check(const struct engine *engine,
                         const struct engine_ascend_request *request,
                         struct error *err) __attribute__((warn_unused_result));

/* Ascends from noise, or from the session's sample (engine_session_sample). As
 * in engine_ascend_check, and
 * ERROR_UNSUPPORTED  an operation on the way has no gradient; the text names
 *                    it; or a value is not a finite number
 * ERROR_BUSY         cancelled
 * ERROR_IO           model.onnx has changed since the model was opened
 * ERROR_LIMIT, ERROR_MEMORY, ERROR_INTERNAL. `watch` may be NULL. */
bool engine_ascend_find(struct engine_session *session,
                        struct engine_ascend *found,
                        const struct engine_ascend_request *request,
                        bool has_photo, const struct engine_ascend_watch *watch,
                        struct error *err) __attribute__((warn_unused_result));

void engine_ascend_release(struct engine_ascend *found);

#endif
