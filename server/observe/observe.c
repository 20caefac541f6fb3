#include "server/observe/observe.h"

#include <string.h>

#include "server/api/route.h"

/* Those that nobody has counted where they happened. */
static void count_rejected(struct metrics *metrics,
                           const struct request *request,
                           const struct response *response)
{
    if (request->job && request->job->late)
        metrics_reject(metrics, METRICS_DEADLINE);
    else if (response->status == problem_status(PROBLEM_MEMORY) &&
             response->kind &&
             strcmp(response->kind, problem_kind(PROBLEM_MEMORY)) == 0)
        metrics_reject(metrics, METRICS_MEMORY);
    else if (request->problem == PROBLEM_UNAUTHORIZED)
        metrics_reject(metrics, METRICS_UNAUTHORIZED);
    else if (request->problem == PROBLEM_DRAINING &&
             request->method == REQUEST_POST)
        metrics_reject(metrics, METRICS_DRAINING);
}

static void count(struct service *service, const struct request *request,
                  const struct response *response,
                  const struct log_entry *entry)
{
    struct metrics *metrics = &service->metrics;

    metrics_count(metrics, route_number(request->route), entry->status);
    metrics_bytes(metrics, entry->received, entry->status ? entry->bytes : 0);
    if (request->job && request->job->stages.count > 0)
        metrics_stages(metrics, &request->job->stages, entry->ms);
    count_rejected(metrics, request, response);
}

/* A bug of ours or a broken model is for who runs the service, and else only
 * the client would have been told what it was. */
static void explain(const struct service *service,
                    const struct request *request,
                    const struct response *response,
                    const struct log_entry *entry)
{
    const struct error *err = &request->err;

    if (response->status != problem_status(PROBLEM_INTERNAL))
        return;
    if (err->kind == ERROR_NONE && request->job)
        err = &request->job->err;
    log_notice((enum config_log_format)service->config->log_format,
               "request %s: %s", entry->id, err->text);
}

void observe_request(struct service *service, const struct request *request,
                     struct log_entry *entry)
{
    const struct response *response = &request->response;
    char client[PEER_NAME_SIZE];

    if (request->job && request->err.kind == ERROR_NONE)
        response = &request->job->response;
    peer_name(client, &request->from.client);
    entry->client = client;
    entry->id = request->id[0] ? request->id : "-";
    entry->problem = response->kind;
    entry->trace = &request->from.trace;
    entry->stages = request->job ? &request->job->stages : NULL;
    count(service, request, response, entry);
    explain(service, request, response, entry);
    log_request((enum config_log_format)service->config->log_format, entry);
}
