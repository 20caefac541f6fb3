#include "engine/fit/fit_cache.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/digest.h"
#include "engine/base/half.h"

/* The beginning of a file; pooled features, the map and the reduced photo
 * follow. */
struct header {
    char magic[8];
    uint32_t checksum; /* of all that follows it */
    uint32_t height, width, channels;
    uint32_t photo_width, photo_height;
    uint64_t hash;
    double region[4];
    uint32_t thumb_width, thumb_height;
};

static const char magic[8] = "wffeat2";

/* ---- names ---- */

static bool make_folder(bool *is_new, const char *path, struct error *err)
{
    *is_new = mkdir(path, 0777) == 0;
    return *is_new || errno == EEXIST ||
           fail(err, ERROR_IO, "cannot make the cache %.200s: %s", path,
                strerror(errno));
}

bool fit_cache_open(struct fit_cache *cache, const char *path,
                    const struct buf *key, struct error *err)
{
    char name[DIGEST_TEXT], folder[PATH_MAX];

    crc_init(&cache->crc);
    digest_sha256(name, key->data, key->len);
    /* The names of photos and of drafts have to fit behind it. */
    if (snprintf(folder, sizeof folder, "%s/%.16s", path, name) >=
        PATH_MAX - DIGEST_TEXT - 16)
        return error_limit(err, PATH_MAX, "the path of the cache is too long");
    if (!make_folder(&cache->is_new, path, err) ||
        !make_folder(&cache->is_new_folder, folder, err))
        return false;
    cache->folder = strdup(folder);
    return cache->folder ||
           fail(err, ERROR_MEMORY, "not enough memory for a path");
}

/* Folders that hold something stay, as rmdir() says. */
static void remove_unused(struct fit_cache *cache)
{
    if (cache->is_new_folder)
        rmdir(cache->folder);
    *strrchr(cache->folder, '/') = '\0';
    if (cache->is_new)
        rmdir(cache->folder);
}

void fit_cache_release(struct fit_cache *cache)
{
    if (cache->folder)
        remove_unused(cache);
    free(cache->folder);
    *cache = (struct fit_cache){0};
}

static void path_of(char path[PATH_MAX], const struct fit_cache *cache,
                    const char *name, const char *suffix)
{
    snprintf(path, PATH_MAX, "%s/%.64s%s", cache->folder, name, suffix);
}

/* ---- photos ---- */

size_t fit_cache_num_pooled(const struct fit_cache *cache)
{
    return 2 * cache->channels;
}

static size_t map_len(const struct fit_cache *cache)
{
    return cache->height * cache->width * cache->channels;
}

/* Where the reduced photo is. */
static size_t thumb_at(const struct fit_cache *cache)
{
    return sizeof(struct header) + fit_cache_num_pooled(cache) * sizeof(float) +
           map_len(cache) * sizeof(uint16_t);
}

static size_t thumb_len(uint32_t width, uint32_t height)
{
    return (size_t)width * height * 3;
}

static uint32_t sum_of(const struct fit_cache *cache, const struct buf *file)
{
    const size_t begin = offsetof(struct header, height);

    return crc_of(&cache->crc, file->data + begin, file->len - begin);
}

bool fit_cache_read(const struct fit_cache *cache,
                    struct fit_cache_photo *photo, float *pooled, float *map,
                    const uint8_t **thumb, struct buf *file, const char *name)
{
    const size_t max_len = thumb_at(cache) + 3 * (size_t)FIT_CACHE_MAX_THUMB;
    const size_t pooled_len = fit_cache_num_pooled(cache) * sizeof(float);
    char path[PATH_MAX];
    struct header header;
    struct error ignored = {0};

    path_of(path, cache, name, "");
    buf_clear(file);
    if (!buf_append_file(file, path, max_len, &ignored) ||
        file->len < sizeof header)
        return false;
    memcpy(&header, file->data, sizeof header);
    if (memcmp(header.magic, magic, sizeof magic) != 0 ||
        header.checksum != sum_of(cache, file) ||
        header.height != cache->height || header.width != cache->width ||
        header.channels != cache->channels ||
        header.thumb_width > FIT_CACHE_MAX_THUMB ||
        header.thumb_height > FIT_CACHE_MAX_THUMB ||
        file->len - thumb_len(header.thumb_width, header.thumb_height) !=
            thumb_at(cache))
        return false;
    *photo = (struct fit_cache_photo){
        .hash = header.hash,
        .width = header.photo_width,
        .height = header.photo_height,
        .region = {header.region[0], header.region[1], header.region[2],
                   header.region[3]},
        .thumb_width = header.thumb_width,
        .thumb_height = header.thumb_height,
    };
    if (thumb)
        *thumb = file->data + thumb_at(cache);
    if (pooled)
        memcpy(pooled, file->data + sizeof header, pooled_len);
    if (map)
        half_to_floats(map,
                       (const uint16_t *)(const void *)(file->data +
                                                        sizeof header +
                                                        pooled_len),
                       map_len(cache));
    return true;
}

/* Writes the file beside its place, and renames it. */
static bool write_file(const struct fit_cache *cache, const struct buf *file,
                       const char *name, struct error *err)
{
    char path[PATH_MAX], draft[PATH_MAX];
    int fd;
    FILE *stream = NULL;
    bool ok = false;

    path_of(path, cache, name, "");
    path_of(draft, cache, name, ".XXXXXX");
    fd = mkstemp(draft);
    if (fd >= 0)
        stream = fdopen(fd, "wb");
    if (stream)
        ok = fwrite(file->data, 1, file->len, stream) == file->len &&
             fchmod(fd, 0644) == 0;
    if (stream ? fclose(stream) != 0 : fd >= 0 && close(fd) != 0)
        ok = false;
    ok = (ok && rename(draft, path) == 0) ||
         fail(err, ERROR_IO, "cannot write to the cache %.200s: %s",
              cache->folder, strerror(errno));
    if (!ok && fd >= 0)
        unlink(draft);
    return ok;
}

bool fit_cache_write(const struct fit_cache *cache,
                     const struct fit_cache_photo *photo, const float *pooled,
                     const float *map, const uint8_t *thumb, struct buf *file,
                     const char *name, struct error *err)
{
    const size_t pooled_len = fit_cache_num_pooled(cache) * sizeof(float);
    struct header header = {
        .height = (uint32_t)cache->height,
        .width = (uint32_t)cache->width,
        .channels = (uint32_t)cache->channels,
        .photo_width = photo->width,
        .photo_height = photo->height,
        .hash = photo->hash,
        .region = {photo->region.x, photo->region.y, photo->region.width,
                   photo->region.height},
        .thumb_width = photo->thumb_width,
        .thumb_height = photo->thumb_height,
    };
    const size_t num_bytes = thumb_len(photo->thumb_width, photo->thumb_height);

    memcpy(header.magic, magic, sizeof magic);
    buf_clear(file);
    if (!buf_reserve(file, thumb_at(cache) + num_bytes, err))
        return false;
    file->len = thumb_at(cache) + num_bytes;
    memcpy(file->data, &header, sizeof header);
    memcpy(file->data + sizeof header, pooled, pooled_len);
    half_from_floats(
        (uint16_t *)(void *)(file->data + sizeof header + pooled_len), map,
        map_len(cache));
    memcpy(file->data + thumb_at(cache), thumb, num_bytes);
    header.checksum = sum_of(cache, file);
    memcpy(file->data, &header, sizeof header);
    return write_file(cache, file, name, err);
}
