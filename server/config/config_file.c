#include "server/config/config_file.h"

#include <ini.h>
#include <string.h>

#include "engine/base/buf.h"
#include "server/config/config_option.h"

/* The longest line of libinih as Debian builds it. */
enum { MAX_LINE = 197 };

struct reading {
    struct config *config;
    const char *at; /* the rest of the file */
    const char *end;
    unsigned line;                  /* the line read last, from 1 */
    unsigned seen[CONFIG_NUM_ROWS]; /* the line that had the key, or 0 */
    struct error err;               /* the first failure */
};

static bool fail_unknown_key(const char *name, struct error *err)
{
    const char *nearest = options_nearest(config_option_rows, CONFIG_NUM_ROWS,
                                          name, strlen(name));

    if (nearest)
        return fail(err, ERROR_INPUT, "unknown key \"%.60s\"; did you mean %s?",
                    name, nearest);
    return fail(
        err, ERROR_INPUT,
        "unknown key \"%.60s\"; wherefore serve --help lists the options",
        name);
}

static bool check_section(const char *section, const struct option *option,
                          struct error *err)
{
    const char *right = config_option_section(option);

    if (!*section || strcmp(section, right) == 0)
        return true;
    return fail(err, ERROR_INPUT, "%s belongs in section [%s], not [%.40s]",
                option->flag, right, section);
}

static bool check_once(struct reading *reading, const struct option *option,
                       struct error *err)
{
    unsigned *seen = &reading->seen[option - config_option_at(0)];

    if (*seen && option->type != OPTION_LIST)
        return fail(err, ERROR_INPUT, "%s is already set in line %u",
                    option->flag, *seen);
    *seen = reading->line;
    return true;
}

static bool take(struct reading *reading, const char *section, const char *name,
                 const char *value)
{
    const struct option *option = config_option_find(name, strlen(name));
    struct config_origin origin = {CONFIG_FILE, reading->line};
    struct error *err = &reading->err;

    if (!option)
        return fail_unknown_key(name, err);
    if (!config_option_in_file(option))
        return fail(err, ERROR_INPUT, "%s is not allowed in a file",
                    option->flag);
    return check_section(section, option, err) &&
           check_once(reading, option, err) &&
           (config_option_set(reading->config, option, value, origin, err) ||
            error_prefix(err, "%s", option->flag));
}

/* libinih's handler: 0 is a failure. */
static int on_key(void *user, const char *section, const char *name,
                  const char *value)
{
    struct reading *reading = user;

    if (reading->err.kind != ERROR_NONE)
        return 0;
    return name && value && take(reading, section, name, value);
}

/* Comments are checked too, because a terminal would obey them. */
static bool check_characters(const char *line, size_t len, struct error *err)
{
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 127)
            return fail(err, ERROR_INPUT,
                        "control character \\x%02x is not allowed",
                        (unsigned char)line[i]);
    return true;
}

/* The next line without its end, and without leading spaces, which would make
 * it continue the line before. */
static const char *cut_line(struct reading *reading, size_t *len)
{
    const char *line = reading->at;
    const char *end = memchr(line, '\n', (size_t)(reading->end - line));

    reading->line++;
    reading->at = end ? end + 1 : reading->end;
    if (!end)
        end = reading->end;
    if (end > line && end[-1] == '\r')
        end--;
    while (line < end && (*line == ' ' || *line == '\t'))
        line++;
    *len = (size_t)(end - line);
    return line;
}

/* The reader for libinih, like fgets: NULL at the end and after a failure. */
static char *next_line(char *to, int size, void *stream)
{
    struct reading *reading = stream;
    size_t max = size - 3 < MAX_LINE ? (size_t)size - 3 : MAX_LINE;
    const char *line;
    size_t len;

    if (reading->err.kind != ERROR_NONE || reading->at == reading->end)
        return NULL;
    line = cut_line(reading, &len);
    if (!check_characters(line, len, &reading->err))
        return NULL;
    if (len > 0 && (*line == '#' || *line == ';'))
        len = 0; /* a comment of any length */
    if (len > max) {
        fail(&reading->err, ERROR_INPUT,
             "the line is %zu bytes long; at most %zu are allowed", len, max);
        return NULL;
    }
    memcpy(to, line, len);
    memcpy(to + len, "\n", 2);
    return to;
}

static bool blame(const struct reading *reading, const char *path, int line,
                  struct error *err)
{
    if (line > 0 &&
        (reading->err.kind == ERROR_NONE || (unsigned)line < reading->line))
        return fail(err, ERROR_INPUT,
                    "%s:%d: expected key = value, [section] or a comment", path,
                    line);
    if (reading->err.kind != ERROR_NONE)
        return fail(err, reading->err.kind, "%s:%u: %s", path, reading->line,
                    reading->err.text);
    return fail(err, ERROR_MEMORY, "%s: not enough memory to read it", path);
}

bool config_file_parse(struct config *config, const char *path,
                       const void *bytes, size_t len, struct error *err)
{
    struct reading reading = {.config = config, .at = bytes};
    int line;

    if (len == 0)
        return true;
    reading.end = reading.at + len;
    if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        reading.at += 3;
    line = ini_parse_stream(next_line, &reading, on_key, &reading);
    if (line == 0 && reading.err.kind == ERROR_NONE)
        return true;
    return blame(&reading, path, line, err);
}

bool config_file_read(struct config *config, const char *path,
                      struct error *err)
{
    struct buf file = {0};
    bool ok = false;

    if (!buf_append_file(&file, path, CONFIG_FILE_MAX_BYTES, err))
        error_prefix(err, "%s", path);
    else
        ok = config_file_parse(config, path, file.data, file.len, err);
    buf_release(&file);
    return ok;
}

bool config_file_holds(const char *flag, const char *value)
{
    size_t len = strlen(value);

    if (strlen(flag) + sizeof " = " - 1 + len > MAX_LINE)
        return false;
    return len == 0 || (*value != ' ' && *value != ';' &&
                        value[len - 1] != ' ' && !strstr(value, " ;"));
}
