/* wherefore serve: runs the service until it is told to stop. */

#include "cli/cmd.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/complain.h"
#include "cli/default_model.h"
#include "cli/drain.h"
#include "engine/base/memory_limit.h"
#include "engine/engine.h"
#include "server/api/asset.h"
#include "server/api/routes.h"
#include "server/config/config.h"
#include "server/config/config_print.h"
#include "server/http/cors.h"
#include "server/http/http.h"
#include "server/http/listener.h"
#include "server/http/peer.h"
#include "server/observe/log.h"
#include "server/observe/notify.h"
#include "server/sandbox.h"
#include "server/work/allowed.h"
#include "server/work/service.h"

enum { MMAP_THRESHOLD = 262144 };

static void print_help(void)
{
    printf(
        "usage: wherefore serve [OPTION...]\n\n"
        "Answers POST /cam with the classes of an image and the evidence\n"
        "for them, and GET / with a page to try it. On SIGTERM or SIGINT it\n"
        "finishes accepted requests and stops; on SIGHUP it reloads the\n"
        "models.\n");
    config_print_help(stdout);
    puts("\n"
         "Exit status: 0 it was stopped by a signal, 1 it cannot serve, 2 the\n"
         "command line, the environment or the configuration file is wrong.");
}

static void print_routes(void)
{
    const struct route_table *table = routes_table();

    for (size_t i = 0; i < table->count; i++)
        printf("%s %s\n", route_method_name(&table->rows[i]),
               table->rows[i].path);
}

static int complain(const struct error *err, int status)
{
    complain_about("serve", NULL, err);
    return status;
}

static void announce(const struct http *http)
{
    const char *name = http_name(http);

    printf("listening on %s\n", name);
    if (strncmp(name, "unix:", 5) == 0)
        printf("try: curl --unix-socket %s -F image=@photo.jpg "
               "http://localhost/cam\n",
               name + 5);
    else
        printf("try: curl -F image=@photo.jpg %s/cam\n", name);
    fflush(stdout);
    clearerr(stdout); /* the server runs even if this could not be printed */
}

/* KServe's router passes on only some names. Most services have no such router,
 * so this is a notice, not a failure. */
static void check_names(struct service *service)
{
    static const char routed[] = "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    for (size_t i = 0; i < service->models.count; i++) {
        struct model *model = models_get(&service->models, i);
        const char *name = model->info.name;

        if (name[strspn(name, routed)] != '\0')
            log_notice((enum config_log_format)service->config->log_format,
                       "the model %s is not reached through KServe's router, "
                       "which knows letters, digits, dashes and underscores",
                       name);
        model_release(model);
    }
}

/* What SIGHUP reloads has to stay readable. */
static bool enter_sandbox(const struct config *config, struct error *err)
{
    enum config_log_format format = (enum config_log_format)config->log_format;
    struct sandbox sandbox = {0};
    struct error missing = {0};
    unsigned parts;

    if (config->sandbox == CONFIG_SANDBOX_OFF ||
        (config->sandbox == CONFIG_SANDBOX_AUTO && !sandbox_can()))
        return true;
    for (size_t i = 0; i < config->models.count; i++)
        sandbox_allow(&sandbox, config->models.items[i]);
    sandbox_allow(&sandbox, config->exemplars);
    sandbox_allow(&sandbox, config->film);
    sandbox_allow(&sandbox, config->token_file);
    sandbox_allow(&sandbox, config->metrics_token_file);
    if (strncmp(config->listen, "unix:", 5) == 0)
        sandbox.socket = config->listen + 5;
    parts = sandbox_enter(&sandbox, &missing);
    if (parts == SANDBOX_ALL)
        return true;
    if (config->sandbox == CONFIG_SANDBOX_ON)
        return fail(err, ERROR_UNSUPPORTED, "sandbox: %s", missing.text);
    log_notice(format, "the sandbox is incomplete (%s%s): %s",
               parts & SANDBOX_LANDLOCK ? "landlock" : "no landlock",
               parts & SANDBOX_SECCOMP ? ", seccomp" : ", no seccomp",
               missing.text);
    return true;
}

/* The smaller of the two limits, or 0. */
static uint64_t find_max_memory(const struct config *config)
{
    uint64_t max = memory_limit_of_group();

    return max == 0 || (config->max_memory > 0 && config->max_memory < max)
               ? config->max_memory
               : max;
}

static int serve(const struct config *config)
{
    struct notify notify;
    struct error err = {0};
    struct service service = {0};
    struct backend backend;
    struct http *http;
    sigset_t signals;
    bool ok = false;

    memory_limit_set(find_max_memory(config), NULL, NULL);
    drain_block_signals(&signals);
    log_open();
    asset_init();
    http = http_new(config, &err);
    if (!http)
        return complain(&err, err.kind == ERROR_INPUT ? 2 : 1);
    notify_open(&notify);
    if (!enter_sandbox(config, &err) || !service_open(&service, config, &err))
        goto out;
    backend = routes_backend(&service);
    if (!http_start(http, &backend, &err)) {
        service_finish(&service);
        goto out;
    }
    check_names(&service);
    announce(http);
    notify_send(&notify, "READY=1\nSTATUS=serving on %s", http_name(http));
    drain_await_signal(&service, http, &notify, &signals);
    notify_send(&notify, "STOPPING=1\nSTATUS=finishing accepted requests");
    drain(http, &service, config->drain_timeout * UINT64_C(1000000));
    ok = true;
out:
    http_free(http);
    service_close(&service);
    notify_close(&notify);
    if (ok)
        return 0;
    return complain(&err, 1);
}

/* Checks values with the modules that use them, without opening anything. */
static bool check_values(const struct config *config, struct error *err)
{
    struct engine_options options = {0};
    struct peer_nets nets;
    struct allowed allowed;

    if (!allowed_parse(&allowed, config->methods, err))
        return config_blame(config, "methods", err);
    if (!engine_options_parse_size(&options, config->input_size, err))
        return config_blame(config, "input-size", err);
    if (!peer_nets_parse(&nets, &config->trusted_proxies, err))
        return config_blame(config, "trusted-proxy", err);
    if (!listener_check_address(config->listen, err))
        return config_blame(config, "listen", err);
    if (!listener_check_mode(config->socket_mode, err))
        return config_blame(config, "socket-mode", err);
    return cors_check(&config->cors_origins, err) ||
           config_blame(config, "cors-origin", err);
}

static int act(const struct config *config)
{
    switch (config->action) {
    case CONFIG_HELP:
        print_help();
        return 0;
    case CONFIG_ROUTES:
        print_routes();
        return 0;
    case CONFIG_PRINT:
        config_print_file(stdout, config);
        return 0;
    case CONFIG_CHECK:
        puts("ok");
        return 0;
    default:
        break;
    }
    /* Bodies and responses are mapped and unmapped one by one: the heap would
     * keep their memory, and grow with every burst. */
    mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
    return serve(config);
}

int cmd_serve(int argc, char **argv)
{
    struct error err = {0};
    struct config config;
    char path[PATH_MAX];
    int status;

    config_init(&config);
    if (config_read(&config, argc - 1, argv + 1, environ, &err) &&
        check_values(&config, &err)) {
        if (!config.models.given)
            config.models.items[0] = default_model(path);
        status = act(&config);
    } else {
        status = complain(&err, err.kind == ERROR_MEMORY ? 1 : 2);
    }
    config_release(&config);
    return status;
}
