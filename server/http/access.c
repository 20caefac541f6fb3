#include "server/http/access.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const char token_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "abcdefghijklmnopqrstuvwxyz"
                                    "0123456789-._~+/=";

static struct access_digest digest_of(const char *token, size_t len)
{
    struct sha256_ctx hash;
    struct access_digest digest;

    sha256_init(&hash);
    sha256_update(&hash, len, (const uint8_t *)token);
    sha256_digest(&hash, sizeof digest.bytes, digest.bytes);
    return digest;
}

/* ---- files ---- */

static bool is_token(const char *text, size_t len)
{
    if (len < ACCESS_MIN_TOKEN || len > ACCESS_MAX_TOKEN)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!text[i] || !strchr(token_letters, text[i]))
            return false;
    return true;
}

static bool add_line(struct access_list *list, const char *line, size_t len,
                     size_t number, struct error *err)
{
    while (len > 0 && strchr(" \t\r", line[len - 1]) && line[len - 1])
        len--;
    if (len == 0 || line[0] == '#')
        return true;
    if (!is_token(line, len))
        return fail(
            err, ERROR_INPUT,
            "line %zu is not a token of %d to %d letters, digits and -._~+/=",
            number, ACCESS_MIN_TOKEN, ACCESS_MAX_TOKEN);
    if (list->count == ACCESS_MAX_TOKENS)
        return fail(err, ERROR_INPUT, "the file has more than %d tokens",
                    ACCESS_MAX_TOKENS);
    list->digests[list->count++] = digest_of(line, len);
    return true;
}

static bool add_lines(struct access_list *list, const char *text, size_t len,
                      struct error *err)
{
    const char *end = text + len;

    for (size_t number = 1; text < end; number++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));

        if (!stop)
            stop = end;
        if (!add_line(list, text, (size_t)(stop - text), number, err))
            return false;
        text = stop + 1;
    }
    /* An empty file must not open what it should protect. */
    return list->count > 0 || fail(err, ERROR_INPUT, "the file has no tokens");
}

bool access_parse(struct access_list *list, const char *text, size_t len,
                  struct error *err)
{
    *list = (struct access_list){0};
    list->digests = calloc(ACCESS_MAX_TOKENS, sizeof *list->digests);
    if (!list->digests)
        return fail(err, ERROR_MEMORY, "not enough memory for the tokens");
    if (add_lines(list, text, len, err))
        return true;
    access_list_release(list);
    return false;
}

static bool check_file(int fd, struct error *err)
{
    struct stat info;

    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return fail(err, ERROR_INPUT, "not a regular file");
    if (info.st_mode & S_IWOTH)
        return fail(err, ERROR_INPUT, "the file is world-writable");
    if (info.st_size > ACCESS_MAX_FILE)
        return fail(err, ERROR_INPUT, "the file is longer than %d bytes",
                    ACCESS_MAX_FILE);
    return true;
}

static bool read_file(struct access_list *list, int fd, char *text,
                      struct error *err)
{
    size_t len = 0;
    ssize_t got;

    while ((got = read(fd, text + len, ACCESS_MAX_FILE - len)) > 0)
        len += (size_t)got;
    if (got < 0)
        return fail(err, ERROR_IO, "%s", strerror(errno));
    return access_parse(list, text, len, err);
}

/* Without a path there are no tokens. */
static bool read_list(struct access_list *list, const char *path,
                      struct error *err)
{
    char *text;
    bool ok;
    int fd;

    *list = (struct access_list){0};
    if (!path[0])
        return true;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail(err, ERROR_IO, "%s", strerror(errno));
    text = malloc(ACCESS_MAX_FILE);
    ok = text ? check_file(fd, err) && read_file(list, fd, text, err)
              : fail(err, ERROR_MEMORY, "not enough memory for the tokens");
    if (text)
        explicit_bzero(text, ACCESS_MAX_FILE);
    free(text);
    close(fd);
    return ok;
}

static bool read_lists(struct access_list lists[ACCESS_NUM],
                       const struct config *config, struct error *err)
{
    if (!read_list(&lists[ACCESS_CAM], config->token_file, err))
        return error_prefix(err, "token-file %s", config->token_file);
    if (read_list(&lists[ACCESS_METRICS], config->metrics_token_file, err))
        return true;
    access_list_release(&lists[ACCESS_CAM]);
    return error_prefix(err, "metrics-token-file %s",
                        config->metrics_token_file);
}

bool access_open(struct access *access, const struct config *config,
                 struct error *err)
{
    *access = (struct access){.config = config};
    if (!read_lists(access->lists, config, err))
        return false;
    pthread_mutex_init(&access->lock, NULL);
    access->open = true;
    return true;
}

bool access_reload(struct access *access, struct error *err)
{
    struct access_list lists[ACCESS_NUM] = {{0}}, old;

    if (!read_lists(lists, access->config, err))
        return false;
    for (size_t i = 0; i < ACCESS_NUM; i++) {
        pthread_mutex_lock(&access->lock);
        old = access->lists[i];
        access->lists[i] = lists[i];
        pthread_mutex_unlock(&access->lock);
        access_list_release(&old);
    }
    return true;
}

/* ---- requests ---- */

/* The token of "Bearer TOKEN", or NULL. */
static const char *bearer(const char *authorization)
{
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
        return NULL;
    authorization += 7;
    return authorization + strspn(authorization, " ");
}

/* Compares with every token, even after a match. */
static bool has(const struct access_list *list,
                const struct access_digest *digest)
{
    int found = 0;

    for (size_t i = 0; i < list->count; i++)
        found |= memeql_sec(&list->digests[i], digest, sizeof *digest);
    return found != 0;
}

bool access_allows(struct access *access, enum access_realm realm,
                   const char *authorization)
{
    const struct access_list *list = &access->lists[realm];
    const char *token = bearer(authorization);
    struct access_digest digest;
    bool allowed;

    if (!access->open || realm == ACCESS_OPEN)
        return true;
    digest = digest_of(token ? token : "", token ? strlen(token) : 0);
    pthread_mutex_lock(&access->lock);
    allowed = !list->digests || (token && has(list, &digest));
    pthread_mutex_unlock(&access->lock);
    return allowed;
}

void access_list_release(struct access_list *list)
{
    free(list->digests);
    *list = (struct access_list){0};
}

void access_close(struct access *access)
{
    if (!access->open)
        return;
    for (size_t i = 0; i < ACCESS_NUM; i++)
        access_list_release(&access->lists[i]);
    pthread_mutex_destroy(&access->lock);
    *access = (struct access){0};
}
