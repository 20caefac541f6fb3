#ifndef SERVER_OBSERVE_PROCESS_H
#define SERVER_OBSERVE_PROCESS_H

/* Resource usage of this process, for the standard metrics of Prometheus. The
 * files in /proc are opened once, before the sandbox is entered. One thread at
 * a time. */

#include <dirent.h>

/* `= {0}` is closed. */
struct process {
    double start_seconds; /* since 1970, when it was opened */
    DIR *fds;             /* owned; NULL without /proc */
    int memory_fd;        /* owned; 0 without one */
};

/* Unknown figures are NAN. */
struct process_figures {
    double cpu_seconds; /* user and system, of all threads */
    double resident_bytes, virtual_bytes;
    double open_fds, max_fds;
    double start_seconds;
};

/* If a file cannot be opened, its figures stay unknown. */
void process_open(struct process *process);

void process_read(const struct process *process,
                  struct process_figures *figures);

void process_close(struct process *process);

#endif
