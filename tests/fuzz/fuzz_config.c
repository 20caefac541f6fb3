/* A file of options; what is read is printed and read again. Where the first
 * byte is '$', each further line is a variable, where it is '!', an argument of
 * the command line. */

#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/config/config.h"
#include "server/config/config_file.h"
#include "server/config/config_print.h"

enum { MAX_LINES = 64 };

static char *print(const struct config *config, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);

    if (!out)
        abort();
    config_print_file(out, config);
    fclose(out);
    return text;
}

static bool is_setting(const char *line)
{
    return *line && *line != '#' && *line != '\n';
}

/* Whether two texts have the same settings; comments may differ. */
static bool equal_settings(const char *a, const char *b)
{
    for (;;) {
        size_t len;

        while (*a && !is_setting(a))
            a += strcspn(a, "\n") + (a[strcspn(a, "\n")] == '\n');
        while (*b && !is_setting(b))
            b += strcspn(b, "\n") + (b[strcspn(b, "\n")] == '\n');
        len = strcspn(a, "\n");
        if (len != strcspn(b, "\n") || memcmp(a, b, len) != 0)
            return false;
        if (!*a)
            return true;
        a += len;
        b += len;
    }
}

static void go_round(const struct config *config)
{
    struct config again;
    struct error err = {0};
    size_t len = 0, len_again = 0;
    char *text = print(config, &len), *text_again;

    config_init(&again);
    if (!config_file_parse(&again, "printed", text, len, &err))
        __builtin_trap();
    text_again = print(&again, &len_again);
    if (!strstr(text, "# a file cannot hold") &&
        !equal_settings(text, text_again))
        __builtin_trap();
    config_release(&again);
    free(text);
    free(text_again);
}

/* The lines behind the first byte, as argv or environ. */
static int split(char *lines[MAX_LINES + 1], char *text)
{
    int count = 0;

    for (char *line = text; line && count < MAX_LINES;) {
        char *end = strchr(line, '\n');

        if (end)
            *end++ = '\0';
        lines[count++] = line;
        line = end;
    }
    lines[count] = NULL;
    return count;
}

/* Opening whatever file has the name that is made up proves nothing. */
static bool names_a_file(char *const *lines)
{
    for (; *lines; lines++)
        if (strstr(*lines, "CONFIG") || strstr(*lines, "config"))
            return true;
    return false;
}

static bool read_lines(struct config *config, const uint8_t *bytes, size_t len,
                       struct error *err)
{
    char *text = malloc(len);
    char *lines[MAX_LINES + 1];
    char *none[] = {NULL};
    bool ok = false;
    int count;

    if (!text)
        abort();
    memcpy(text, bytes + 1, len - 1);
    text[len - 1] = '\0';
    count = split(lines, text);
    if (names_a_file(lines))
        fail(err, ERROR_INPUT, "not tried");
    else if (*bytes == '$')
        ok = config_read(config, 0, none, lines, err);
    else
        ok = config_read(config, count, lines, none, err);
    free(text);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct config config;
    struct error err = {0};
    bool ok;

    config_init(&config);
    if (len > 0 && (*bytes == '$' || *bytes == '!'))
        ok = read_lines(&config, bytes, len, &err);
    else
        ok = config_file_parse(&config, "fuzzed", bytes, len, &err);
    if (ok != (err.kind == ERROR_NONE))
        __builtin_trap();
    if (ok)
        go_round(&config);
    config_release(&config);
    return 0;
}
