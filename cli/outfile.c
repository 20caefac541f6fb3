#include "cli/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The name of an image: `*len` bytes from the returned pointer. */
static const char *name_of(const char *image, size_t *len)
{
    const char *slash = strrchr(image, '/');
    const char *name = slash ? slash + 1 : image;
    const char *dot = strrchr(name, '.');

    if (strcmp(image, "-") == 0)
        name = "stdin";
    *len = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    return name;
}

/* Replaces every %s of the pattern. */
static bool expand(char **path, const char *pattern, const char *name,
                   size_t name_len, struct error *err)
{
    struct buf text = {0};
    const char *mark;

    while ((mark = strstr(pattern, "%s")) != NULL) {
        if (!buf_append(&text, pattern, (size_t)(mark - pattern), err) ||
            !buf_append(&text, name, name_len, err))
            goto out;
        pattern = mark + 2;
    }
    if (!buf_append(&text, pattern, strlen(pattern) + 1, err))
        goto out;
    *path = (char *)text.data;
    return true;
out:
    buf_release(&text);
    return false;
}

/* Appends the pattern that `where` stands for, including its NUL. */
static bool make_pattern(struct buf *pattern, const char *where,
                         const char *suffix, size_t num_images,
                         struct error *err)
{
    size_t len = strlen(where);
    bool slash = len > 0 && where[len - 1] == '/';
    struct stat info;
    bool exists;

    if (strstr(where, "%s"))
        return buf_append(pattern, where, len + 1, err);
    exists = stat(where, &info) == 0 && S_ISDIR(info.st_mode);
    if (slash && !exists)
        return fail(err, ERROR_INPUT, "there is no directory \"%s\"", where);
    if (!exists && num_images > 1)
        return fail(err, ERROR_INPUT,
                    "several images need a directory or a %%s in \"%s\"",
                    where);
    if (!exists)
        return buf_append(pattern, where, len + 1, err);
    return buf_append(pattern, where, len, err) &&
           buf_append(pattern, slash ? "%s" : "/%s", slash ? 2 : 3, err) &&
           buf_append(pattern, suffix, strlen(suffix) + 1, err);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool check_unique(const struct outfile *outfile, struct error *err)
{
    const char **sorted = calloc(outfile->count, sizeof *sorted);
    bool ok = false;

    if (!sorted)
        return fail(err, ERROR_MEMORY, "not enough memory for the file names");
    for (size_t i = 0; i < outfile->count; i++)
        sorted[i] = outfile->paths[i];
    qsort(sorted, outfile->count, sizeof *sorted, compare_texts);
    for (size_t i = 1; i < outfile->count; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0) {
            fail(err, ERROR_INPUT,
                 "two images would be written to the same file \"%s\"",
                 sorted[i]);
            goto out;
        }
    ok = true;
out:
    free(sorted);
    return ok;
}

bool outfile_plan(struct outfile *outfile, const char *where,
                  const char *suffix, char *const *images, size_t count,
                  struct error *err)
{
    struct outfile plan = {.count = count};
    struct buf pattern = {0};
    bool ok = false;

    if (!make_pattern(&pattern, where, suffix, count, err))
        goto out;
    plan.paths = calloc(count + 1, sizeof *plan.paths);
    plan.images = calloc(count + 1, sizeof *plan.images);
    if (!plan.paths || !plan.images) {
        fail(err, ERROR_MEMORY, "not enough memory for the file names");
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        size_t len;
        const char *name = name_of(images[i], &len);

        if (stat(images[i], &plan.images[i]) != 0)
            plan.images[i] = (struct stat){0};
        if (!expand(&plan.paths[i], (const char *)pattern.data, name, len, err))
            goto out;
    }
    if (!check_unique(&plan, err))
        goto out;
    *outfile = plan;
    plan = (struct outfile){0}; /* the caller owns it now */
    ok = true;
out:
    outfile_release(&plan);
    buf_release(&pattern);
    return ok;
}

static bool is_image(const struct outfile *outfile, const struct stat *info)
{
    for (size_t i = 0; i < outfile->count; i++)
        if (outfile->images[i].st_nlink > 0 &&
            outfile->images[i].st_ino == info->st_ino &&
            outfile->images[i].st_dev == info->st_dev)
            return true;
    return false;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);

        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            bytes += written;
            len -= (size_t)written;
        }
    }
    return true;
}

bool outfile_write(const struct outfile *outfile, size_t image,
                   const struct buf *png, struct error *err)
{
    const char *path = outfile->paths[image];
    struct stat info;
    bool regular, ok;
    /* No O_TRUNC: the file may be one of the input images. */
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

    if (fd < 0 || fstat(fd, &info) != 0) {
        fail(err, ERROR_IO, "cannot write \"%s\": %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    regular = S_ISREG(info.st_mode);
    if (regular && is_image(outfile, &info)) {
        close(fd);
        return fail(err, ERROR_IO, "\"%s\" is one of the input images", path);
    }
    ok = (!regular || ftruncate(fd, 0) == 0) &&
         write_all(fd, png->data, png->len);
    ok = close(fd) == 0 && ok;
    if (!ok) {
        fail(err, ERROR_IO, "cannot write \"%s\": %s", path, strerror(errno));
        if (regular)
            unlink(path);
    }
    return ok;
}

void outfile_release(struct outfile *outfile)
{
    for (size_t i = 0; outfile->paths && i < outfile->count; i++)
        free(outfile->paths[i]);
    free(outfile->paths);
    free(outfile->images);
    *outfile = (struct outfile){0};
}
