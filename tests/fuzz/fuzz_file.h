#ifndef TESTS_FUZZ_FILE_H
#define TESTS_FUZZ_FILE_H

/* For what is read from a file by its path: a folder of our own, removed when
 * the program ends. */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FUZZ_FILE_PATH = 128 };

static char fuzz_file_folder[FUZZ_FILE_PATH / 2];
static char fuzz_file_path[FUZZ_FILE_PATH];

static void fuzz_file_remove(void)
{
    unlink(fuzz_file_path);
    rmdir(fuzz_file_folder);
}

/* Writes a file of that name, the same at every call, and gives its path. */
static void fuzz_file_write(char path[FUZZ_FILE_PATH], const char *name,
                            const uint8_t *bytes, size_t len)
{
    int fd;

    if (!fuzz_file_folder[0]) {
        snprintf(fuzz_file_folder, sizeof fuzz_file_folder,
                 "/dev/shm/wherefore-fuzz-XXXXXX");
        if (!mkdtemp(fuzz_file_folder)) {
            snprintf(fuzz_file_folder, sizeof fuzz_file_folder,
                     "/tmp/wherefore-fuzz-XXXXXX");
            if (!mkdtemp(fuzz_file_folder))
                abort();
        }
        snprintf(fuzz_file_path, sizeof fuzz_file_path, "%s/%s",
                 fuzz_file_folder, name);
        atexit(fuzz_file_remove);
    }
    fd = open(fuzz_file_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || close(fd) != 0)
        abort();
    snprintf(path, FUZZ_FILE_PATH, "%s", fuzz_file_path);
}

#endif
