/* Times the engine without anything around it.
 *
 *     stages requests MODEL PHOTO COUNT
 *
 * answers COUNT times about a photo, as POST /cam does by default, and prints
 * one line a request: the milliseconds of decode, preprocess, infer, render.
 *
 *     stages network MODEL INPUT LOGITS
 *
 * reads INPUT, (height, width, 3) floats of this machine, runs the network on
 * it once, writes LOGITS as floats and prints their number. Then, for each
 * line "N" on standard input, it runs the network N times and prints one line
 * with N times in milliseconds: bench/measure.py takes turns with another
 * runtime this way. One thread.
 *
 * The environment variable PRECISION says what to compute with (engine.h);
 * THREADS with how many threads. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/engine.h"

#define MAX_PHOTO_BYTES (64u << 20)
#define MAX_COUNT 100000

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

/* One answer, timed. */
static bool time_request(struct engine_session *session,
                         const struct buf *photo, struct error *err)
{
    static const struct image_limits limits = {0};
    static const struct explain_request request = EXPLAIN_REQUEST_DEFAULT;
    struct explanation explanation;
    const struct engine_timing *t = &explanation.timing;

    if (!engine_session_sample(session, photo->data, photo->len, &limits, NULL,
                               err) ||
        !engine_session_explain(session, &explanation, &request, NULL, err))
        return false;
    printf("%.4f %.4f %.4f %.4f\n", t->decode, t->preprocess, t->infer,
           t->render);
    return true;
}

static bool time_requests(struct engine_session *session, const char *path,
                          unsigned long count, struct error *err)
{
    struct buf photo = {0};
    bool ok = buf_append_file(&photo, path, MAX_PHOTO_BYTES, err);

    for (unsigned long i = 0; ok && i < count; i++)
        ok = time_request(session, &photo, err);
    buf_release(&photo);
    return ok;
}

static bool read_input(float *input, size_t count, const char *path,
                       struct error *err)
{
    struct buf bytes = {0};
    bool ok = buf_append_file(&bytes, path, MAX_PHOTO_BYTES, err);

    if (ok && bytes.len != count * sizeof *input)
        ok = fail(err, ERROR_INPUT, "%s has %zu bytes, not %zu", path,
                  bytes.len, count * sizeof *input);
    if (ok)
        memcpy(input, bytes.data, bytes.len);
    buf_release(&bytes);
    return ok;
}

static bool write_logits(const float *logits, size_t count, const char *path,
                         struct error *err)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(logits, sizeof *logits, count, file) == count;

    if (file && fclose(file) != 0)
        ok = false;
    return ok || fail(err, ERROR_IO, "%s: %s", path, strerror(errno));
}

static bool time_network(struct engine_session *session,
                         const struct engine_info *info, const char *input,
                         const char *logits, struct error *err)
{
    char line[32];

    if (!read_input(engine_session_input(session),
                    info->input_width * info->input_height * 3, input, err) ||
        !engine_session_run(session, err) ||
        !write_logits(engine_session_logits(session), info->num_classes, logits,
                      err))
        return false;
    printf("%zu\n", info->num_classes);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        unsigned long count = strtoul(line, NULL, 10);

        for (unsigned long i = 0; i < count && i < MAX_COUNT; i++) {
            double start = now_ms();

            if (!engine_session_run(session, err))
                return false;
            printf("%.4f ", now_ms() - start);
        }
        putchar('\n');
        fflush(stdout);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct engine *engine = NULL;
    struct engine_session *session = NULL;
    struct engine_info info;
    struct engine_options options = {0};
    struct team *team = NULL;
    const char *precision = getenv("PRECISION"), *threads = getenv("THREADS");
    bool ok = false;

    if (argc != 5 ||
        (strcmp(argv[1], "requests") != 0 && strcmp(argv[1], "network") != 0)) {
        fputs("usage: stages requests MODEL PHOTO COUNT\n"
              "       stages network MODEL INPUT LOGITS\n",
              stderr);
        return 2;
    }
    if (!precision || engine_options_parse_precision(&options, precision, &err))
        engine = engine_open(argv[2], &options, &err);
    if (engine)
        team =
            team_new(threads ? (unsigned)strtoul(threads, NULL, 10) : 1, &err);
    if (team)
        session = engine_session_new(engine, team, &err);
    if (session) {
        engine_info(engine, &info);
        if (strcmp(argv[1], "requests") == 0)
            ok = time_requests(session, argv[3], strtoul(argv[4], NULL, 10),
                               &err);
        else
            ok = time_network(session, &info, argv[3], argv[4], &err);
    }
    if (!ok)
        fprintf(stderr, "stages: %s\n", err.text);
    engine_session_free(session);
    team_free(team);
    engine_free(engine);
    return ok ? 0 : 1;
}
