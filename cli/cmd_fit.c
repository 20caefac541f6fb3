/* wherefore fit: makes a model of the user's own classes. */

#include "cli/cmd.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>

#include "cli/complain.h"
#include "cli/default_model.h"
#include "cli/fit_command.h"
#include "cli/fit_folder.h"
#include "cli/fit_json.h"
#include "cli/fit_report.h"
#include "cli/progress.h"
#include "cli/result.h"
#include "engine/base/team.h"

enum { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

/* `= {0}` is empty. */
struct command {
    struct fit_command options;
    char default_path[PATH_MAX], cache[PATH_MAX];
    struct fit_folder folder;
    struct progress progress;
    struct fit fit;
    struct fit_options fit_options; /* of the fit that was run */
    size_t num_warnings;            /* in the report */
};

static int usage_error(const struct error *err)
{
    complain_about("fit", NULL, err);
    return STATUS_USAGE;
}

static int failure(const char *name, const struct error *err)
{
    complain_about("fit", name, err);
    return STATUS_FAILED;
}

/* ---- signals ---- */

/* The signal that asks for an end, or 0. */
static volatile sig_atomic_t ended_by;

static void note_signal(int number)
{
    ended_by = number;
}

static bool is_ended(void *user)
{
    (void)user;
    return ended_by != 0;
}

/* A second signal ends the process at once. */
static void watch_signals(void)
{
    struct sigaction action = {.sa_handler = note_signal,
                               .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

/* ---- the fit ---- */

static void show_progress(void *user, size_t done, size_t total)
{
    struct command *command = user;

    if (command->progress.total == 0 && command->options.progress_lines)
        progress_init_lines(&command->progress, stderr, total);
    else if (command->progress.total == 0)
        progress_init(&command->progress, stderr, total);
    progress_show(&command->progress, done);
}

/* A bar of its own, for who looks; programs hear of the photos alone. */
static void show_tried(void *user, size_t done, size_t most)
{
    struct command *command = user;

    if (command->options.progress_lines)
        return;
    if (done == 1) {
        progress_hide(&command->progress);
        progress_init(&command->progress, stderr, most);
    }
    progress_show(&command->progress, done);
}

static void tell(void *user, const char *name, const struct error *err)
{
    struct command *command = user;

    progress_hide(&command->progress);
    complain_about("fit", name, err);
}

static bool name_cache(struct command *command, struct error *err)
{
    const char *cache = command->options.cache;

    return snprintf(command->cache, PATH_MAX, "%s%s",
                    cache ? cache : command->folder.to,
                    cache ? "" : ".cache") < PATH_MAX ||
           error_limit(err, PATH_MAX, "the path of the cache is too long");
}

static bool run_fit(struct command *command, const struct cancel *cancel,
                    struct error *err)
{
    const struct fit_command *asked = &command->options;
    const unsigned threads = asked->run.num_threads;
    command->fit_options = (struct fit_options){
        .data = asked->data,
        .dataset = asked->dataset,
        .base =
            asked->base ? asked->base : default_model(command->default_path),
        .layer = asked->layer,
        .pool = asked->pool,
        .seed = asked->seed,
        .num_folds = asked->num_folds,
        .is_unbalanced = asked->is_unbalanced,
        .cache = command->cache,
        .limits = asked->run.limits,
        .max_bytes = asked->run.max_bytes,
        .num_threads = threads < TEAM_MAX_THREADS ? threads : TEAM_MAX_THREADS,
        .progress = show_progress,
        .tried = show_tried,
        .trouble = tell,
        .user = command,
        .cancel = cancel,
    };
    const bool ok = fit_run(&command->fit, &command->fit_options, err);

    progress_hide(&command->progress);
    return ok;
}

/* Writes what is in the model's folder. */
static bool write_folder(struct command *command, const struct cancel *cancel,
                         struct error *err)
{
    struct fit_folder *folder = &command->folder;

    return fit_folder_begin(folder, err) &&
           fit_write(&command->fit, folder->made, folder->name, err) &&
           fit_report_write(&command->num_warnings, &command->fit, folder->name,
                            folder->made, &command->fit_options, err) &&
           cancel_check(cancel, err) && fit_folder_finish(folder, err);
}

/* ---- what is printed ---- */

static bool is_of_two_classes(const struct fit *fit, size_t pair)
{
    return fit->photos[fit->pairs[pair].a].class !=
           fit->photos[fit->pairs[pair].b].class;
}

/* Prints some of the pairs that are of two classes, or of one. */
static void list_pairs(const struct fit *fit, bool of_two)
{
    enum { MAX_LISTED = 3 };
    size_t listed = 0;

    for (size_t i = 0; i < fit->num_pairs && listed < MAX_LISTED; i++) {
        if (is_of_two_classes(fit, i) != of_two)
            continue;
        printf("  ");
        complain_print(stdout, fit->photos[fit->pairs[i].a].name);
        printf(" and ");
        complain_print(stdout, fit->photos[fit->pairs[i].b].name);
        printf("\n");
        listed++;
    }
}

static void print_pairs(const struct fit *fit)
{
    size_t of_two = 0;

    for (size_t i = 0; i < fit->num_pairs; i++)
        of_two += is_of_two_classes(fit, i);
    if (fit->num_pairs == 0)
        return;
    printf("%zu %s nearly the same, and kept together%s\n", fit->num_pairs,
           fit->num_pairs > 1 ? "pairs of photos are" : "pair of photos is",
           of_two < fit->num_pairs ? ":" : "");
    list_pairs(fit, false);
    if (of_two == 0)
        return;
    printf("%zu of them %s in two classes, so one photo may be mislabelled:\n",
           of_two, of_two > 1 ? "are" : "is");
    list_pairs(fit, true);
}

static void print_summary(const struct command *command)
{
    const struct fit *fit = &command->fit;
    const struct fit_strength *chosen = &fit->strengths[fit->chosen];

    printf("%zu classes, %zu photos", fit->num_classes, fit->num_photos);
    if (fit->num_troubles > 0)
        printf("; %zu files or folders were left out", fit->num_troubles);
    printf("\n%.1f %% of %zu photos that were held out are right, macro F1 "
           "%.3f\n",
           100 * fit->accuracy, fit->num_measured, fit->macro_f1);
    printf("strength %.3g, temperature %.3g\n", chosen->c, fit->temperature);
    print_pairs(fit);
    printf("%.1f s for features (%zu of %zu photos from the cache), %.1f s for "
           "the rest\n",
           fit->features_s, fit->num_cached, fit->num_photos, fit->rest_s);
    if (command->num_warnings > 0)
        printf("a class may be told by a mark, such as a logo or a date: %zu "
               "warnings in the report\n",
               command->num_warnings);
    printf("%s/report.html: what is taken for what, and where the evidence "
           "lies\n",
           command->folder.to);
    printf("%s: try `wherefore serve --model %s`\n", command->folder.to,
           command->folder.to);
}

static bool print_json(const struct command *command, struct error *err)
{
    struct buf out = {0};
    bool ok = fit_json_write(&out, &command->fit, command->folder.to, err) &&
              result_print(&out, err);

    buf_release(&out);
    return ok;
}

/* ---- the command ---- */

static int run(struct command *command)
{
    const struct fit_command *options = &command->options;
    const struct cancel cancel = {.is_cancelled = is_ended};
    struct error err = {0};

    if (!fit_folder_plan(&command->folder, options->to, options->force, &err) ||
        !name_cache(command, &err))
        return failure("--to", &err);
    watch_signals();
    if (!run_fit(command, &cancel, &err))
        return ended_by ? STATUS_FAILED : failure(NULL, &err);
    if (!write_folder(command, &cancel, &err))
        return ended_by ? STATUS_FAILED : failure(options->to, &err);
    if (!options->json)
        print_summary(command);
    return !options->json || print_json(command, &err) ? STATUS_OK
                                                       : failure(NULL, &err);
}

int cmd_fit(int argc, char **argv)
{
    static struct command command;
    struct error err = {0};
    int status = STATUS_OK;

    if (!fit_command_parse(&command.options, argc, argv, &err))
        status = usage_error(&err);
    else if (command.options.run.help)
        fit_command_help(stdout);
    else
        status = run(&command);
    fit_folder_release(&command.folder);
    fit_release(&command.fit);
    fit_command_release(&command.options);
    if (ended_by) { /* as if it had ended the process itself */
        signal(ended_by, SIG_DFL);
        raise(ended_by);
    }
    return status;
}
