/* A session: one image after another. */
#include <stdlib.h>

#include "lib/wherefore_internal.h"

static bool open_session(struct wherefore_session *session, unsigned threads,
                         struct error *err)
{
    const unsigned num_threads = wherefore_num_threads(threads);

    if (num_threads > 1) {
        session->team = team_new(num_threads, err);
        if (!session->team)
            return false;
    }
    session->engine =
        engine_session_new(session->model->served.engine, session->team, err);
    return session->engine != NULL;
}

wherefore_session *wherefore_session_new(const wherefore_model *model,
                                         unsigned threads,
                                         struct wherefore_error *err)
{
    struct wherefore_session *session = calloc(1, sizeof *session);
    struct error why = {0};

    if (!session)
        fail(&why, ERROR_MEMORY, "not enough memory for a session");
    else if (!model)
        fail(&why, ERROR_INPUT, "the model is NULL");
    else {
        session->model = session->explanation.model = model;
        atomic_init(&session->is_cancelled, false);
        if (open_session(session, threads, &why))
            return session;
    }
    wherefore_session_free(session);
    wherefore_report(err, &why);
    return NULL;
}

void wherefore_session_free(wherefore_session *session)
{
    if (!session)
        return;
    wherefore_explanation_release(&session->explanation);
    engine_session_free(session->engine);
    team_free(session->team);
    free(session);
}

void wherefore_session_cancel(wherefore_session *session)
{
    if (session)
        atomic_store(&session->is_cancelled, true);
}

void wherefore_session_set_progress(wherefore_session *session,
                                    wherefore_progress_fn *progress, void *user)
{
    if (!session)
        return;
    session->progress = progress;
    session->user = user;
}

/* ---- explaining ---- */

/* `done` and `total` do not count the pass that has classified the image. */
static void note_passes(void *user, size_t done, size_t total)
{
    struct wherefore_session *session = user;

    if (session->progress &&
        !session->progress(session->user, done + 1, total + 1))
        atomic_store(&session->is_cancelled, true);
}

static bool run(struct wherefore_session *session, bool again,
                struct error *err)
{
    struct wherefore_explanation *explanation = &session->explanation;
    const struct cancel cancel = {.is_cancelled = wherefore_is_set,
                                  .user = &session->is_cancelled};
    const struct explain_watch watch = {
        .cancel = &cancel, .progress = note_passes, .user = session};
    bool ok =
        again
            ? engine_session_explain_again(session->engine, &explanation->found,
                                           &explanation->request, &watch, err)
            : engine_session_explain(session->engine, &explanation->found,
                                     &explanation->request, &watch, err);

    session->has_image = session->has_image || ok;
    return ok && wherefore_explanation_fill(explanation, err);
}

/* Reads what is asked, before anything is done to the last image. */
static bool begin(struct wherefore_session *session,
                  const struct wherefore_option *options, size_t num_options,
                  struct error *err)
{
    if (!session)
        return fail(err, ERROR_INPUT, "the session is NULL");
    atomic_store(&session->is_cancelled, false);
    return wherefore_read_request(&session->explanation.request, session->model,
                                  options, num_options, err);
}

static const wherefore_explanation *finish(struct wherefore_session *session,
                                           bool ok, const struct error *why,
                                           struct wherefore_error *err)
{
    static const struct error cancelled = {.kind = ERROR_BUSY,
                                           .text = "cancelled"};

    if (ok)
        return &session->explanation;
    wherefore_report(err, why->kind == ERROR_BUSY ? &cancelled : why);
    return NULL;
}

static bool sample(struct wherefore_session *session, const void *bytes,
                   size_t len, struct error *err)
{
    const struct cancel cancel = {.is_cancelled = wherefore_is_set,
                                  .user = &session->is_cancelled};

    session->has_image = false;
    if (!bytes && len > 0)
        return fail(err, ERROR_INPUT, "the image's bytes are NULL");
    return wherefore_check_len(session->model, len, err) &&
           engine_session_sample(session->engine, bytes ? bytes : "", len,
                                 &session->model->limits, &cancel, err);
}

const wherefore_explanation *
wherefore_explain(wherefore_session *session, const void *bytes, size_t len,
                  const struct wherefore_option *options, size_t num_options,
                  struct wherefore_error *err)
{
    struct error why = {0};
    bool ok = begin(session, options, num_options, &why) &&
              sample(session, bytes, len, &why) && run(session, false, &why);

    return finish(session, ok, &why, err);
}

const wherefore_explanation *
wherefore_explain_pixels(wherefore_session *session, const uint8_t *pixels,
                         uint32_t width, uint32_t height, unsigned channels,
                         size_t stride, const struct wherefore_option *options,
                         size_t num_options, struct wherefore_error *err)
{
    const struct image_pixels given = {
        .data = pixels,
        .width = width,
        .height = height,
        .channels = channels,
        .stride = stride ? stride : (size_t)width * channels,
    };
    struct error why = {0};
    bool ok = begin(session, options, num_options, &why);

    if (ok) {
        session->has_image = false;
        ok = pixels || fail(&why, ERROR_INPUT, "the pixels are NULL");
    }
    ok = ok &&
         engine_session_sample_pixels(session->engine, &given,
                                      &session->model->limits, &why) &&
         run(session, false, &why);
    return finish(session, ok, &why, err);
}

const wherefore_explanation *
wherefore_explain_again(wherefore_session *session,
                        const struct wherefore_option *options,
                        size_t num_options, struct wherefore_error *err)
{
    struct error why = {0};
    bool ok = begin(session, options, num_options, &why);

    if (ok && !session->has_image)
        ok = fail(&why, ERROR_INPUT,
                  "the session has no image to explain again");
    ok = ok && run(session, true, &why);
    return finish(session, ok, &why, err);
}
