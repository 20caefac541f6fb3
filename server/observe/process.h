#ifndef SERVER_OBSERVE_PROCESS_H
#define SERVER_OBSERVE_PROCESS_H

/* What this process takes from the system, as the standard metrics of
 * Prometheus want it. The files in /proc are opened once, so that a sandbox
 * put up later does not stand in the way. One thread at a time. */

#include <dirent.h>

/* `= {0}` is closed. */
struct process {
    double start_seconds; /* since 1970, when it was opened */
    DIR *fds;             /* owned; NULL where there is no /proc */
    int memory_fd;        /* owned; 0 where there is none */
};

/* What is not known is NAN. */
struct process_figures {
    double cpu_seconds; /* user and system, of all threads */
    double resident_bytes, virtual_bytes;
    double open_fds, max_fds;
    double start_seconds;
};

/* What cannot be opened is not known. */
void process_open(struct process *process);

void process_read(const struct process *process,
                  struct process_figures *figures);

void process_close(struct process *process);

#endif
