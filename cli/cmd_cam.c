/* wherefore cam: the engine on the command line, one image after another. */

#include "cli/cmd.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cam_lines.h"
#include "cli/cam_options.h"
#include "cli/complain.h"
#include "cli/outfile.h"
#include "cli/photo_file.h"
#include "cli/progress.h"
#include "cli/result.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/api/cam_json.h"

enum { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

/* What all images share. `= {0}` is empty. */
struct cam {
    struct cam_options options;
    struct explain_request request;
    struct engine *engine;          /* owned */
    struct team *team;              /* owned */
    struct engine_session *session; /* owned */
    struct outfile outfile;         /* empty unless a heatmap is requested */
    struct buf image;               /* reused for each image; owned */
    struct response response;       /* likewise */
    struct progress progress;
};

/* Writes the heatmap to its file and removes it from the explanation, so that
 * the JSON does not contain it. */
static bool write_heatmap(struct cam *cam, size_t image,
                          const struct explanation *explanation,
                          struct error *err)
{
    bool ok =
        explanation->refusal
            ? fail(err, ERROR_UNSUPPORTED, "%s", explanation->refusal)
            : outfile_write(&cam->outfile, image, explanation->heatmap, err);

    buf_clear(explanation->heatmap);
    return ok;
}

/* Writes the result into cam->response as one line, with the image's name if
 * there are several. */
static bool write_response(struct cam *cam, const char *image,
                           const struct explanation *explanation,
                           struct error *err)
{
    const struct cam_json_source source = {
        .file = cam->options.num_images > 1 ? image : NULL};

    buf_clear(&cam->response.body);
    return cam_json_write(&cam->response, cam->engine, explanation,
                          &cam->request, &source, err);
}

/* The bar is over the passes of the only image. */
static void show_passes(void *user, size_t done, size_t total)
{
    struct cam *cam = user;

    (void)total;
    progress_show(&cam->progress, done + 1);
}

/* Explains one image. The heatmap is written first, so that once a result is
 * printed its heatmap exists. */
static bool explain(struct cam *cam, size_t image, struct error *err)
{
    const struct cam_options *options = &cam->options;
    const char *name = options->images[image];
    const struct explain_watch watch = {
        .progress = options->num_images == 1 ? show_passes : NULL, .user = cam};
    struct explanation explanation;

    return photo_file_read(&cam->image, name, options->run.max_bytes, err) &&
           engine_session_sample(cam->session, cam->image.data, cam->image.len,
                                 &options->run.limits, NULL, err) &&
           engine_session_explain(cam->session, &explanation, &cam->request,
                                  &watch, err) &&
           (!options->heatmap ||
            write_heatmap(cam, image, &explanation, err)) &&
           write_response(cam, name, &explanation, err);
}

/* What the bar counts: images, or the passes of a single one. */
static size_t count_steps(const struct cam *cam)
{
    size_t passes = 0;
    struct error err = {0};

    if (cam->options.num_images > 1)
        return cam->options.num_images;
    return engine_passes(cam->engine, &passes, &cam->request, &err) ? passes
                                                                    : 1;
}

/* Explains all images. Stops early only if the results cannot be written. */
static int explain_all(struct cam *cam)
{
    const struct cam_options *options = &cam->options;
    int status = STATUS_OK;

    progress_init(&cam->progress, stderr, count_steps(cam));
    progress_show(&cam->progress, 0);
    for (size_t i = 0; i < options->num_images; i++) {
        struct error err = {0};
        bool ok = explain(cam, i, &err);

        if (!ok || isatty(STDOUT_FILENO))
            progress_hide(&cam->progress);
        if (!ok) {
            complain_about("cam", options->images[i], &err);
            status = STATUS_FAILED;
        } else if (!result_print(&cam->response.body, &err)) {
            progress_hide(&cam->progress);
            complain_about("cam", NULL, &err);
            return STATUS_FAILED;
        }
        if (options->num_images > 1)
            progress_show(&cam->progress, i + 1);
    }
    progress_hide(&cam->progress);
    return status;
}

/* ---- lines ---- */

/* Answers the current line, in cam->response. false: all fail. */
static bool explain_line(struct cam *cam, const struct cam_lines *lines,
                         struct error *why, struct error *err)
{
    const struct cam_json_source source = {.file = lines->file,
                                           .id = lines->id};
    const struct run_options *run = &cam->options.run;
    struct explanation explanation;

    buf_clear(&cam->response.body);
    if (why->kind == ERROR_NONE &&
        engine_session_sample(cam->session, lines->image.data, lines->image.len,
                              &run->limits, NULL, why) &&
        engine_session_explain(cam->session, &explanation, &cam->request, NULL,
                               why))
        return cam_json_write(&cam->response, cam->engine, &explanation,
                              &cam->request, &source, err);
    return cam_lines_fail(lines, &cam->response.body, why, err);
}

static bool explain_lines(struct cam *cam, struct cam_lines *lines,
                          struct error *err)
{
    struct error why = {0};

    for (; cam_lines_next(lines, &why, err); why = (struct error){0}) {
        if (!explain_line(cam, lines, &why, err))
            return false;
        if (!result_print(&cam->response.body, err))
            return false;
    }
    return err->kind == ERROR_NONE;
}

static int explain_file_of_lines(struct cam *cam)
{
    const struct cam_options *options = &cam->options;
    struct cam_lines lines = {0};
    struct error err = {0};
    bool ok =
        cam_lines_open(&lines, options->lines, options->run.max_bytes, &err) &&
        explain_lines(cam, &lines, &err);

    cam_lines_release(&lines);
    if (ok)
        return STATUS_OK;
    complain_about("cam", "--jsonl", &err);
    return STATUS_FAILED;
}

static int usage_error(const struct error *err)
{
    complain_about("cam", NULL, err);
    return STATUS_USAGE;
}

/* Opens what all images need. Returns STATUS_OK or the exit status. */
static int open_all(struct cam *cam)
{
    const struct cam_options *options = &cam->options;
    char path[PATH_MAX];
    const char *model = run_options_model(&options->run, path);
    struct error err = {0};

    if (options->heatmap &&
        !outfile_plan(&cam->outfile, options->heatmap, "-heatmap.png",
                      options->images, options->num_images, &err)) {
        error_prefix(&err, "--heatmap");
        return usage_error(&err);
    }
    cam->engine = engine_open(model, &options->run.engine, &err);
    if (!cam->engine) {
        complain_about("cam", model, &err);
        return STATUS_FAILED;
    }
    if (!explain_options_parse(&cam->request, &options->run.asked, cam->engine,
                               true, &err))
        return usage_error(&err);
    if (!options->heatmap)
        cam->request.style.kind = RENDER_NONE;
    cam->team = team_new(options->run.num_threads, &err);
    if (cam->team)
        cam->session = engine_session_new(cam->engine, cam->team, &err);
    if (!cam->session) {
        complain_about("cam", model, &err);
        return STATUS_FAILED;
    }
    return STATUS_OK;
}

int cmd_cam(int argc, char **argv)
{
    struct cam cam = {0};
    struct error err = {0};
    int status;

    if (!cam_options_parse(&cam.options, argc, argv, &err)) {
        status = usage_error(&err);
    } else if (cam.options.run.help) {
        cam_options_help(stdout);
        status = STATUS_OK;
    } else {
        status = open_all(&cam);
        if (status == STATUS_OK)
            status = cam.options.lines ? explain_file_of_lines(&cam)
                                       : explain_all(&cam);
    }
    engine_session_free(cam.session);
    team_free(cam.team);
    engine_free(cam.engine);
    outfile_release(&cam.outfile);
    buf_release(&cam.image);
    response_release(&cam.response);
    cam_options_release(&cam.options);
    return status;
}
