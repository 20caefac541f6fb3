#include "cli/eval_folder.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/folder.h"
#include "cli/whole_file.h"

enum { MAX_SETTINGS = 1 << 20 };

static bool path_of(char path[PATH_MAX], const struct eval_folder *folder,
                    const char *name, struct error *err)
{
    int len = snprintf(path, PATH_MAX, "%s/%s", folder->path, name);

    return (len > 0 && len < PATH_MAX) ||
           fail(err, ERROR_INPUT, "the folder's path is too long");
}

static bool fail_file(const char *name, struct error *err)
{
    return fail(err, ERROR_IO, "%s cannot be written: %s", name,
                strerror(errno));
}

/* ---- what is there ---- */

/* Reads the settings that are there; none if there is no such file. */
static bool read_settings(const struct eval_folder *folder, struct buf *found,
                          struct error *err)
{
    char path[PATH_MAX];

    if (!path_of(path, folder, "settings.txt", err))
        return false;
    if (access(path, F_OK) != 0)
        return true;
    return buf_append_file(found, path, MAX_SETTINGS, err) ||
           error_prefix(err, "settings.txt");
}

/* Fails if the settings there are others; *is_new: there are none. */
static bool check_settings(const struct eval_folder *folder, bool *is_new,
                           const struct buf *settings, struct error *err)
{
    struct buf found = {0};
    bool ok = read_settings(folder, &found, err);

    *is_new = found.len == 0;
    if (ok && found.len > 0 &&
        (found.len != settings->len ||
         memcmp(found.data, settings->data, found.len) != 0))
        ok = fail(err, ERROR_INPUT,
                  "it has results of another evaluation (settings.txt); choose "
                  "another folder, or --restart");
    buf_release(&found);
    return ok;
}

/* ---- the photos that are there ---- */

/* Reads photos.csv. */
struct replay {
    FILE *file;
    struct eval_report *report;
    struct result_photo photo; /* its results are owned */
    char *line;                /* owned; the photo's name is in it */
    size_t cap, next_row;
    long complete; /* bytes of complete photos */
};

/* Takes a line; a photo is complete with its last row, or its error. */
static bool take_line(struct replay *replay, ssize_t len, struct error *err)
{
    struct csv csv = {
        .at = replay->line, .end = replay->line + len, .next_line = 1};
    struct eval_report *report = replay->report;
    bool has_record;
    size_t row;

    if (!csv_next(&csv, &has_record, err) ||
        !result_read(&replay->photo, &row, &csv, report->num_rows, err))
        return false;
    if (replay->photo.item != report->num_items ||
        (row != replay->next_row && row != report->num_rows))
        return fail(err, ERROR_INPUT, "it is not in its place");
    replay->next_row = row + 1;
    if (row + 1 < report->num_rows)
        return true;
    eval_report_add(report, &replay->photo);
    replay->next_row = 0;
    replay->complete = ftell(replay->file);
    return true;
}

/* Adds all complete photos. The last line may lack its end. */
static bool replay_lines(struct replay *replay, struct error *err)
{
    size_t number = 1;
    ssize_t len;

    while ((len = getline(&replay->line, &replay->cap, replay->file)) > 0 &&
           replay->line[len - 1] == '\n') {
        if (number == 1)
            replay->complete = len; /* the header */
        else if (!take_line(replay, len, err))
            return error_prefix(err, "photos.csv: line %zu", number);
        number++;
    }
    return !ferror(replay->file) ||
           fail(err, ERROR_IO, "photos.csv cannot be read: %s",
                strerror(errno));
}

/* Reads the photos that are there, and places the file behind them. */
static bool read_photos(struct eval_folder *folder, struct eval_report *report,
                        struct error *err)
{
    struct replay replay = {.file = folder->photos, .report = report};
    bool ok;

    replay.photo.results =
        calloc(report->num_rows, sizeof *replay.photo.results);
    ok = (replay.photo.results ||
          fail(err, ERROR_MEMORY, "not enough memory for results")) &&
         replay_lines(&replay, err);
    free(replay.photo.results);
    free(replay.line);
    if (!ok)
        return false;
    if (ftruncate(fileno(folder->photos), replay.complete) != 0 ||
        fseek(folder->photos, replay.complete, SEEK_SET) != 0)
        return fail_file("photos.csv", err);
    return true;
}

static bool begin_photos(struct eval_folder *folder, struct error *err)
{
    buf_clear(&folder->lines);
    if (!result_write_header(&folder->lines, err))
        return false;
    return (fwrite(folder->lines.data, 1, folder->lines.len, folder->photos) ==
                folder->lines.len &&
            fflush(folder->photos) == 0) ||
           fail_file("photos.csv", err);
}

bool eval_folder_open(struct eval_folder *folder, const char *path,
                      const struct buf *settings, struct eval_report *report,
                      bool restart, struct error *err)
{
    char photos[PATH_MAX];
    bool is_new = true;

    folder->path = path;
    if (!folder_make(path, err) ||
        !path_of(photos, folder, "photos.csv", err) ||
        (!restart && !check_settings(folder, &is_new, settings, err)))
        return false;
    folder->photos = fopen(photos, is_new ? "w+" : "a+");
    if (!folder->photos)
        return fail_file("photos.csv", err);
    if (!is_new && !read_photos(folder, report, err))
        return false;
    return (ftell(folder->photos) > 0 || begin_photos(folder, err)) &&
           (!is_new || whole_file_write(path, "settings.txt", settings, err));
}

bool eval_folder_append(struct eval_folder *folder,
                        const struct result_photo *photo,
                        const struct eval_report *report, struct error *err)
{
    buf_clear(&folder->lines);
    if (!result_write(&folder->lines, photo, report->rows, report->num_rows,
                      err))
        return false;
    return (fwrite(folder->lines.data, 1, folder->lines.len, folder->photos) ==
                folder->lines.len &&
            fflush(folder->photos) == 0) ||
           fail_file("photos.csv", err);
}

bool eval_folder_finish(struct eval_folder *folder,
                        const struct eval_report *report, struct error *err)
{
    buf_clear(&folder->lines);
    if (!eval_report_write_json(&folder->lines, report, err) ||
        !whole_file_write(folder->path, "report.json", &folder->lines, err))
        return false;
    if (report->tallies[0].num_boxed == 0)
        return true; /* there is nothing to draw */
    buf_clear(&folder->lines);
    return eval_report_draw(&folder->lines, report, err) &&
           whole_file_write(folder->path, "curves.svg", &folder->lines, err);
}

void eval_folder_release(struct eval_folder *folder)
{
    if (folder->photos)
        fclose(folder->photos);
    buf_release(&folder->lines);
    *folder = (struct eval_folder){0};
}
