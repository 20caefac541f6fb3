#ifndef TESTS_PPM_H
#define TESTS_PPM_H

/* Pictures that the tests expect: binary PPM files of 8 bits, as
 * tools/reference/pillow_images.py writes them. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"

struct ppm {
    unsigned width, height;
    const uint8_t *pixels; /* (height, width, 3); borrowed from file */
    struct buf file;       /* owned */
};

static inline bool ppm_read(struct ppm *ppm, const char *path)
{
    char header[64] = "";
    int len = 0;

    *ppm = (struct ppm){0};
    if (!buf_append_file(&ppm->file, path, 1 << 20, NULL))
        return false;
    memcpy(header, ppm->file.data,
           ppm->file.len < sizeof header ? ppm->file.len : sizeof header - 1);
    if (sscanf(header, "P6 %u %u 255%n", &ppm->width, &ppm->height, &len) !=
            2 ||
        ppm->file.len != (size_t)len + 1 + (size_t)ppm->width * ppm->height * 3)
        return false;
    ppm->pixels = ppm->file.data + len + 1;
    return true;
}

/* The next entry of a folder that does not begin with a dot, or NULL. */
static inline const char *ppm_next_case(DIR *folder)
{
    const struct dirent *entry;

    do
        entry = readdir(folder);
    while (entry && entry->d_name[0] == '.');
    return entry ? entry->d_name : NULL;
}

/* (height, width, 3), freed by the caller: the noise that Pillow was given,
 * made as in tools/reference/pillow_images.py. */
static inline uint8_t *ppm_noise(uint32_t width, uint32_t height)
{
    const size_t count = (size_t)width * height * 3;
    uint8_t *noise = malloc(count);
    uint32_t state = width * 65536 + height;

    if (!noise)
        abort();
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525 + 1013904223;
        const uint8_t level = (uint8_t)(state >> 24);
        noise[i] = level < 85 ? 0 : level >= 170 ? 255 : level;
    }
    return noise;
}

#endif
