#ifndef SERVER_API_HANDLE_H
#define SERVER_API_HANDLE_H

/* The handlers of the routes in routes.c, one handle_*.c per group. All have
 * the type route_handler and run on the HTTP thread. */

#include <stdbool.h>

struct request;
struct service;

/* POST /cam: checks before the body is read; then creates the job. */
bool handle_cam_check(struct service *service, struct request *request);
bool handle_cam(struct service *service, struct request *request);

/* POST /activations: likewise. */
bool handle_activations_check(struct service *service, struct request *request);
bool handle_activations(struct service *service, struct request *request);

/* GET /filters: with its options in the query. */
bool handle_filters_check(struct service *service, struct request *request);
bool handle_filters(struct service *service, struct request *request);

/* GET /model, GET /model/layers and GET /methods, with the query's `model`; GET
 * /models. */
bool handle_model_check(struct service *service, struct request *request);
bool handle_model(struct service *service, struct request *request);
bool handle_model_layers(struct service *service, struct request *request);
bool handle_methods(struct service *service, struct request *request);
bool handle_models(struct service *service, struct request *request);

/* GET /healthz: 200 while the process runs. GET /readyz: 200 while it accepts
 * work, 503 once it is shutting down. GET /metrics. None waits for a worker. */
bool handle_healthz(struct service *service, struct request *request);
bool handle_readyz(struct service *service, struct request *request);
bool handle_metrics(struct service *service, struct request *request);

/* The page and its parts. */
bool handle_asset(struct service *service, struct request *request);

#endif
