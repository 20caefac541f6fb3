#ifndef SERVER_API_BATCH_JOB_H
#define SERVER_API_BATCH_JOB_H

/* Several images, explained by one request in their order: the work of the
 * routes that follow other services' protocols. Each image is judged alone: one
 * that is broken costs its row of the response. Only if all are, the request
 * fails, with what is wrong with the first. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/api/cam_job.h"

struct batch_job;

enum {
    BATCH_MAX_IMAGES = 256,
    BATCH_MAX_BYTES = 64 << 20 /* of heatmaps and maps in a response */
};

/* An image that was explained, or not. Borrowed, for one call. */
struct batch_row {
    const struct engine *engine;
    struct engine_session *session;
    const struct explain_request *request;
    const struct explain_watch *watch;
    const struct explanation *found; /* NULL: it could not be read */
    const struct error *why;         /* then, why not */
};

/* How the response is made. */
struct batch_writer {
    /* Takes a row. Worker's thread. ERROR_MEMORY, or how explaining fails. */
    bool (*add)(void *state, const struct batch_row *row, struct error *err);
    /* Makes the response of all rows. Worker's thread. ERROR_MEMORY. */
    bool (*finish)(void *state, struct response *response,
                   const struct engine *engine, struct error *err);
    void (*free)(void *state); /* NULL is allowed */
};

/* What the images of a request are: files; pixels; or the network's own input,
 * as little-endian floats. */
enum batch_kind { BATCH_FILES, BATCH_PIXELS, BATCH_INPUTS };

/* An image of a request. */
struct batch_image {
    struct buf bytes; /* owned */
    struct error why; /* it could not be read from the request */
};

/* `= {0}` is empty. */
struct batch {
    struct batch_image *images; /* (count) owned */
    size_t count;
    enum batch_kind kind;
    uint32_t width, height; /* of BATCH_PIXELS: each has (height, width, */
    unsigned channels;      /* channels) bytes */
    bool is_planar; /* of BATCH_INPUTS, as in engine_session_sample_input */
};

/* Makes room for `count` images. false: the failure is in the
 * request: PROBLEM_INPUT without an image, PROBLEM_LIMIT, PROBLEM_MEMORY. */
bool batch_job_reserve(struct batch *batch, struct request *request,
                       size_t count) __attribute__((warn_unused_result));

/* Decodes an image's file, in base64 (json_body_decode). What is wrong with it
 * is in the image. false: the failure is in the request: PROBLEM_MEMORY. */
bool batch_job_decode(struct batch_image *image, struct request *request,
                      const json_t *text) __attribute__((warn_unused_result));

void batch_job_release(struct batch *batch);

/* Reads the options that the request has been given, admits what is asked, and
 * makes the job, which takes the batch and `state`; they are freed in any case.
 * `asked` has the route's own defaults, and what it wants after the options are
 * read: `settle`, or NULL, changes that. The model is borrowed. HTTP thread.
 * false: the failure is in the request: as in POST /cam, and PROBLEM_LIMIT if
 * all images together take too many passes. */
bool batch_job_make(struct service *service, struct request *request,
                    struct model *model, struct batch *batch,
                    void (*settle)(struct explain_request *asked, void *state),
                    const struct batch_writer *writer, void *state)
    __attribute__((warn_unused_result));

#endif
