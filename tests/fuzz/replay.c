/* Replays a fuzz target's corpus as a test, with any compiler: replay_NAME
 * takes each file of tests/fuzz/corpus/NAME, or those it is given. Counts for
 * tests/unit/run.sh as cmocka does. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "engine/base/buf.h"
#include "tests/fuzz/fuzz.h"

#define PROGRAM "/replay_"

enum { MAX_SECONDS = 10, MAX_MEMORY_KB = 2000000, MAX_FILE_BYTES = 1 << 24 };

/* Ends the program after so many seconds of a processor, of which others may
 * take their share; 0: never. */
static void limit_time(time_t seconds)
{
    const struct itimerval timer = {.it_value.tv_sec = seconds};

    setitimer(ITIMER_PROF, &timer, NULL);
}

static void replay(const char *path)
{
    struct buf file = {0};
    struct error err = {0};
    struct rusage usage;
    uint8_t *exact;

    if (!buf_append_file(&file, path, MAX_FILE_BYTES, &err)) {
        fprintf(stderr, "%s: %s\n", path, err.text);
        exit(1);
    }
    /* Of exactly its length: reading beyond it is seen. */
    exact = malloc(file.len ? file.len : 1);
    if (!exact)
        abort();
    if (file.len > 0)
        memcpy(exact, file.data, file.len);
    fprintf(stderr, "%s\n", path); /* the last one is the one that crashed */
    limit_time(MAX_SECONDS);
    LLVMFuzzerTestOneInput(exact, file.len);
    limit_time(0);
    getrusage(RUSAGE_SELF, &usage);
    if (usage.ru_maxrss > MAX_MEMORY_KB) {
        fprintf(stderr, "took %ld KB\n", usage.ru_maxrss);
        exit(1);
    }
    free(exact);
    buf_release(&file);
}

static size_t replay_folder(const char *folder)
{
    struct dirent **list;
    int count = scandir(folder, &list, NULL, alphasort);
    size_t num_files = 0;

    if (count < 0) {
        perror(folder);
        exit(1);
    }
    for (int i = 0; i < count; i++) {
        char *path = NULL;

        if (asprintf(&path, "%s/%s", folder, list[i]->d_name) < 0) {
            perror(folder);
            exit(1);
        }
        if (list[i]->d_name[0] != '.') {
            replay(path);
            num_files++;
        }
        free(path);
        free(list[i]);
    }
    free(list);
    return num_files;
}

int main(int argc, char **argv)
{
    const char *name = strstr(argv[0], PROGRAM);
    char folder[512];
    size_t num_files = 0;

    if (argc > 1) {
        for (int i = 1; i < argc; i++)
            replay(argv[i]);
        return 0;
    }
    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s",
             name ? name + strlen(PROGRAM) : "");
    num_files = replay_folder(folder);
    printf("[  PASSED  ] %zu test(s).\n", num_files);
    return 0;
}
