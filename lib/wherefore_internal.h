#ifndef LIB_WHEREFORE_INTERNAL_H
#define LIB_WHEREFORE_INTERNAL_H

/* What the files of the library share. Nothing here is exported. */

#include <stdatomic.h>

#include "engine/base/cancel.h"
#include "engine/base/error.h"
#include "engine/engine.h"
#include "lib/wherefore.h"
#include "server/http/params.h"
#include "server/work/model.h"

/* Immutable. */
struct wherefore_model {
    struct model served; /* its engine is owned; the service's fields are 0 */
    struct image_limits limits;
    size_t max_bytes; /* of an image's file */
};

/* A class in full. `class` points to the others. */
struct wherefore_entry {
    struct wherefore_class class;
    struct wherefore_map map;
    struct wherefore_box box;
    struct wherefore_box boxes[BOX_MAX]; /* (class.num_boxes) */
};

/* `= {0}` is empty. */
struct wherefore_explanation {
    const struct wherefore_model *model;
    struct explain_request request;
    struct explanation found; /* borrowed from the engine's session */
    struct wherefore_summary summary;
    struct wherefore_entry *entries; /* (summary.num_classes) owned */
    size_t entries_cap;              /* bytes */
};

struct wherefore_session {
    const struct wherefore_model *model; /* borrowed */
    struct team *team;                   /* owned, or NULL */
    struct engine_session *engine;       /* owned */
    atomic_bool is_cancelled;            /* the running call */
    wherefore_progress_fn *progress;     /* or NULL */
    void *user;
    bool has_image; /* that the network has run on */
    struct wherefore_explanation explanation;
};

/* Hands an error to the caller, who may want none. Returns false. */
bool wherefore_report(struct wherefore_error *err, const struct error *why);

/* Reads options into `params`, which is empty before. ERROR_INPUT, ERROR_LIMIT,
 * ERROR_MEMORY. */
bool wherefore_take_options(struct params *params,
                            const struct wherefore_option *options,
                            size_t num_options, struct error *err)
    __attribute__((warn_unused_result));

/* What is asked of a model. Fails like explain_options_parse. */
bool wherefore_read_request(struct explain_request *request,
                            const struct wherefore_model *model,
                            const struct wherefore_option *options,
                            size_t num_options, struct error *err)
    __attribute__((warn_unused_result));

/* ERROR_LIMIT: the file of an image is too long for the model. */
bool wherefore_check_len(const struct wherefore_model *model, size_t len,
                         struct error *err) __attribute__((warn_unused_result));

/* The number of threads that `threads` means: 1 to TEAM_MAX_THREADS. */
unsigned wherefore_num_threads(unsigned threads);

/* Whether *(atomic_bool *)flag; for a struct cancel. */
bool wherefore_is_set(void *flag);

/* The index of a map's largest value, the first of equal ones. */
size_t wherefore_find_peak(const struct explain_map *map);

/* The centre of a cell, in pixels of the upright image. */
void wherefore_place_cell(double *x, double *y, const struct explain_map *map,
                          size_t cell);

/* Makes the parts that callers see of explanation->found. ERROR_MEMORY. */
bool wherefore_explanation_fill(struct wherefore_explanation *explanation,
                                struct error *err)
    __attribute__((warn_unused_result));

void wherefore_explanation_release(struct wherefore_explanation *explanation);

#endif
