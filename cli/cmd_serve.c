/* wherefore serve: the service, from its command line until it is told to
 * stop. */

#include "cmd.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "default_model.h"
#include "server/asset.h"
#include "server/config.h"
#include "server/http.h"
#include "server/route.h"
#include "server/service.h"

enum { MMAP_THRESHOLD = 262144 };

static void print_help(void)
{
    printf("usage: wherefore serve [OPTION...]\n\n"
           "Answers POST /cam with the classes of a picture and the evidence\n"
           "for them, and GET / with a page to try it. SIGTERM or SIGINT\n"
           "finishes the work that was accepted, then stops; SIGHUP reads the\n"
           "models anew.\n");
    config_print_help(stdout);
    printf("\nothers:\n"
           "  --print-routes\n      list the routes and exit\n"
           "  --help\n      this text\n");
}

static void print_routes(void)
{
    const struct route *route;

    for (size_t i = 0; (route = route_at(i)) != NULL; i++)
        printf("%s %s\n", route_method_name(route), route->path);
}

static int complain(const struct error *err)
{
    fprintf(stderr, "wherefore serve: %s\n", err->text);
    return err->kind == ERROR_INPUT ? 2 : 1;
}

/* Keeps the signals that are for us for sigwait; threads inherit that. */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Reads the models anew whenever it is told to, until it is told to stop. A
 * second such signal kills, for whoever does not want to wait. */
static void wait_for_end(struct service *service, const sigset_t *set)
{
    int number;

    while (sigwait(set, &number) == 0 && number == SIGHUP)
        service_reload(service);
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

static void announce(const struct http *http)
{
    const char *url = http_url(http);

    printf("listening on %s\n", url);
    printf("try: curl -F image=@photo.jpg %s/cam\n", url);
    fflush(stdout);
}

static int serve(const struct config *config)
{
    struct error err = {0};
    struct service service = {0};
    struct http *http;
    sigset_t signals;
    bool ok = false;

    block_signals(&signals);
    asset_init();
    http = http_new(config, &err);
    if (!http)
        return complain(&err);
    if (!service_open(&service, config, &err))
        goto out;
    if (!http_start(http, &service, &err)) {
        service_finish(&service);
        goto out;
    }
    announce(http);
    wait_for_end(&service, &signals);
    service_begin_drain(&service);
    http_stop_accepting(http);
    service_finish(&service);
    http_wait(http);
    ok = true;
out:
    http_free(http);
    service_close(&service);
    if (ok)
        return 0;
    complain(&err);
    return 1;
}

int cmd_serve(int argc, char **argv)
{
    struct error err = {0};
    struct config config;
    char path[PATH_MAX];
    int status;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help();
            return 0;
        }
        if (strcmp(argv[i], "--print-routes") == 0) {
            print_routes();
            return 0;
        }
    }
    config_init(&config);
    if (!config_parse(&config, argc - 1, argv + 1, &err)) {
        config_release(&config);
        return complain(&err);
    }
    if (!config.models.given)
        config.models.items[0] = default_model(path);
    /* Bodies and answers are mapped and unmapped one by one: the heap would
     * keep them, and grow with every burst. */
    mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
    status = serve(&config);
    config_release(&config);
    return status;
}
