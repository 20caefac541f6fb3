#ifndef SERVER_WORK_QUEUE_H
#define SERVER_WORK_QUEUE_H

/* A bounded first-in first-out queue of jobs between the HTTP thread and the
 * workers. Any thread.
 *
 * To stop the service, close the queue: it accepts no more jobs, hands out
 * those that it has, and then every queue_pop returns NULL. */

#include <pthread.h>
#include <stddef.h>

#include "engine/base/error.h"
#include "server/work/job.h"

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled; /* a job was added, or the queue closed */
    struct job *head;      /* guarded by lock, like all below */
    struct job **tail;
    size_t len;
    size_t num_short; /* of len: those that are not long (job.h) */
    size_t max_len;
    bool closed;
};

void queue_init(struct queue *queue, size_t max_len);

/* Appends a job and takes ownership. ERROR_BUSY: the queue is full or closed,
 * and the caller keeps the job. Never blocks. */
bool queue_push(struct queue *queue, struct job *job, struct error *err)
    __attribute__((warn_unused_result));

/* Waits for a job; the caller owns it. NULL: the queue is closed and empty. */
struct job *queue_pop(struct queue *queue);

/* The same for at most `ms` milliseconds: *timed_out says that there was none
 * in that time. */
struct job *queue_pop_within(struct queue *queue, unsigned ms, bool *timed_out);

/* Returns the first job that is not long, even if long ones have waited for
 * longer, or NULL if there is none; the caller owns it. Never blocks. */
struct job *queue_pop_short(struct queue *queue);

size_t queue_len(struct queue *queue);

void queue_close(struct queue *queue);

/* The queue must be empty, and no thread may be waiting. */
void queue_release(struct queue *queue);

#endif
