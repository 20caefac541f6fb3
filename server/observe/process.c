#include "server/observe/process.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

void process_open(struct process *process)
{
    struct timespec now;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

    clock_gettime(CLOCK_REALTIME, &now);
    *process = (struct process){
        .start_seconds = (double)now.tv_sec + (double)now.tv_nsec / 1e9,
        .fds = opendir("/proc/self/fd"),
        .memory_fd = fd > 0 ? fd : 0,
    };
}

static double seconds(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static void read_memory(const struct process *process,
                        struct process_figures *figures)
{
    char text[128];
    double page = (double)sysconf(_SC_PAGESIZE);
    unsigned long total, resident;
    ssize_t len = -1;

    if (process->memory_fd > 0)
        len = pread(process->memory_fd, text, sizeof text - 1, 0);
    if (len <= 0)
        return;
    text[len] = '\0';
    if (sscanf(text, "%lu %lu", &total, &resident) != 2)
        return;
    figures->virtual_bytes = (double)total * page;
    figures->resident_bytes = (double)resident * page;
}

static double count_fds(DIR *fds)
{
    const struct dirent *entry;
    double count = 0;

    rewinddir(fds);
    while ((entry = readdir(fds)) != NULL)
        count += entry->d_name[0] != '.';
    return count;
}

void process_read(const struct process *process,
                  struct process_figures *figures)
{
    struct rusage usage;
    struct rlimit limit;

    *figures = (struct process_figures){NAN, NAN, NAN,
                                        NAN, NAN, process->start_seconds};
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        figures->cpu_seconds =
            seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        figures->max_fds =
            limit.rlim_cur == RLIM_INFINITY ? INFINITY : (double)limit.rlim_cur;
    if (process->fds)
        figures->open_fds = count_fds(process->fds);
    read_memory(process, figures);
}

void process_close(struct process *process)
{
    if (process->fds)
        closedir(process->fds);
    if (process->memory_fd > 0)
        close(process->memory_fd);
    *process = (struct process){0};
}
