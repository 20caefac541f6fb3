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

/* POST /ascend: likewise; the image may be missing. */
bool handle_ascend_check(struct service *service, struct request *request);
bool handle_ascend(struct service *service, struct request *request);

/* GET /filters: with its options in the query. */
bool handle_filters_check(struct service *service, struct request *request);
bool handle_filters(struct service *service, struct request *request);

/* GET /exemplars: likewise; answered at once, unless a sheet has to be read. */
bool handle_exemplars_check(struct service *service, struct request *request);
bool handle_exemplars(struct service *service, struct request *request);

/* GET /film: the list of its frames, or one of them. */
bool handle_film_check(struct service *service, struct request *request);
bool handle_film(struct service *service, struct request *request);

/* GET /model, GET /model/layers and GET /methods, with the query's `model`; GET
 * /models. */
bool handle_model_check(struct service *service, struct request *request);
bool handle_model(struct service *service, struct request *request);
bool handle_model_layers(struct service *service, struct request *request);
bool handle_methods(struct service *service, struct request *request);
bool handle_models(struct service *service, struct request *request);

/* KServe's protocols: POST .../models/M:predict, :explain and /infer, and what
 * there is. */
bool handle_kserve_v1_check(struct service *service, struct request *request);
bool handle_kserve_predict(struct service *service, struct request *request);
bool handle_kserve_explain(struct service *service, struct request *request);
bool handle_kserve_v2_check(struct service *service, struct request *request);
bool handle_kserve_infer(struct service *service, struct request *request);
bool handle_kserve_server(struct service *service, struct request *request);
bool handle_kserve_live(struct service *service, struct request *request);
bool handle_kserve_ready(struct service *service, struct request *request);
bool handle_kserve_models(struct service *service, struct request *request);
bool handle_kserve_model(struct service *service, struct request *request);
bool handle_kserve_model_ready(struct service *service,
                               struct request *request);

/* The tasks of Hugging Face's API. */
bool handle_huggingface_check(struct service *service, struct request *request);
bool handle_image_classification(struct service *service,
                                 struct request *request);
bool handle_object_detection(struct service *service, struct request *request);
bool handle_image_segmentation(struct service *service,
                               struct request *request);

/* GET /healthz: 200 while the process runs. GET /readyz: 200 while it accepts
 * work, 503 once it is shutting down. GET /metrics. None waits for a worker. */
bool handle_healthz(struct service *service, struct request *request);
bool handle_readyz(struct service *service, struct request *request);
bool handle_metrics(struct service *service, struct request *request);

/* The page and its parts. */
bool handle_asset(struct service *service, struct request *request);

#endif
