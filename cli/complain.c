#include "cli/complain.h"

void complain_print(FILE *stream, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < ' ' || *text == 127 ? '?' : *text, stream);
}

void complain_about(const char *command, const char *name,
                    const struct error *err)
{
    fprintf(stderr, "wherefore %s: ", command);
    if (name) {
        complain_print(stderr, name);
        fputs(": ", stderr);
    }
    complain_print(stderr, err->text);
    fputc('\n', stderr);
}
