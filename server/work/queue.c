#include "server/work/queue.h"

#include <time.h>

void queue_init(struct queue *queue, size_t max_len)
{
    pthread_condattr_t attributes;

    *queue = (struct queue){.max_len = max_len};
    pthread_mutex_init(&queue->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->filled, &attributes);
    pthread_condattr_destroy(&attributes);
    queue->tail = &queue->head;
}

bool queue_push(struct queue *queue, struct job *job, struct error *err)
{
    bool closed, full;

    pthread_mutex_lock(&queue->lock);
    closed = queue->closed;
    full = queue->len >= queue->max_len;
    if (!closed && !full) {
        job->next = NULL;
        *queue->tail = job;
        queue->tail = &job->next;
        queue->len++;
        queue->num_short += !job_is_long(job);
        pthread_cond_signal(&queue->filled);
    }
    pthread_mutex_unlock(&queue->lock);
    if (closed)
        return fail(err, ERROR_BUSY, "the service is shutting down");
    if (full)
        return fail(err, ERROR_BUSY,
                    "the queue is full; %zu requests are waiting",
                    queue->max_len);
    return true;
}

/* Takes out the job that *link points to. Call with the lock held. */
static struct job *take(struct queue *queue, struct job **link)
{
    struct job *job = *link;

    *link = job->next;
    if (!*link)
        queue->tail = link;
    queue->len--;
    queue->num_short -= !job_is_long(job);
    job->next = NULL;
    return job;
}

struct job *queue_pop(struct queue *queue)
{
    struct job *job;

    pthread_mutex_lock(&queue->lock);
    while (!queue->head && !queue->closed)
        pthread_cond_wait(&queue->filled, &queue->lock);
    job = queue->head ? take(queue, &queue->head) : NULL;
    pthread_mutex_unlock(&queue->lock);
    return job;
}

struct job *queue_pop_within(struct queue *queue, unsigned ms, bool *timed_out)
{
    struct timespec end;
    struct job *job;
    int code = 0;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += ms / 1000;
    end.tv_nsec += (long)(ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&queue->lock);
    while (!queue->head && !queue->closed && code == 0)
        code = pthread_cond_timedwait(&queue->filled, &queue->lock, &end);
    job = queue->head ? take(queue, &queue->head) : NULL;
    *timed_out = !job && !queue->closed;
    pthread_mutex_unlock(&queue->lock);
    return job;
}

struct job *queue_pop_short(struct queue *queue)
{
    struct job **link = &queue->head, *job = NULL;

    pthread_mutex_lock(&queue->lock);
    if (queue->num_short > 0) {
        while (job_is_long(*link))
            link = &(*link)->next;
        job = take(queue, link);
    }
    pthread_mutex_unlock(&queue->lock);
    return job;
}

size_t queue_len(struct queue *queue)
{
    size_t len;

    pthread_mutex_lock(&queue->lock);
    len = queue->len;
    pthread_mutex_unlock(&queue->lock);
    return len;
}

void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
}

void queue_release(struct queue *queue)
{
    pthread_cond_destroy(&queue->filled);
    pthread_mutex_destroy(&queue->lock);
}
