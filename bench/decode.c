/* Times decoding alone.
 *
 *     decode COUNT PHOTO...
 *
 * decodes each photo COUNT times and prints the least processor time of them,
 * in milliseconds, its width and height, and its name. */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/base/buf.h"
#include "engine/image/image.h"

#define MAX_PHOTO_BYTES (256u << 20)

static double cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static bool time_photo(struct image *image, const char *path, long count,
                       struct error *err)
{
    static const struct image_limits no_limits = {0};
    struct buf photo = {0};
    double best = 0;
    bool ok = buf_append_file(&photo, path, MAX_PHOTO_BYTES, err);

    for (long i = 0; i < count && ok; i++) {
        const double start = cpu_ms();

        ok = image_decode(image, photo.data, photo.len, &no_limits, err);
        const double ms = cpu_ms() - start;
        best = i == 0 || ms < best ? ms : best;
    }
    if (ok)
        printf("%8.2f %6u x %5u %s\n", best, image->width, image->height, path);
    buf_release(&photo);
    return ok;
}

int main(int argc, char **argv)
{
    const long count = argc > 2 ? strtol(argv[1], NULL, 10) : 0;
    struct image image = {0};
    int status = 0;

    if (count < 1) {
        fputs("usage: decode COUNT PHOTO...\n", stderr);
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        struct error err = {0};

        if (!time_photo(&image, argv[i], count, &err)) {
            fprintf(stderr, "%s: %s\n", argv[i], err.text);
            status = 1;
        }
    }
    image_release(&image);
    return status;
}
