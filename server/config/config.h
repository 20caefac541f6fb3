#ifndef SERVER_CONFIG_CONFIG_H
#define SERVER_CONFIG_CONFIG_H

/* The options of `wherefore serve`, one row each. A row defines the field of
 * struct config, the flag, the key in the file, the environment variable, the
 * default, the help and the documentation. To add an option, add a row below
 * its section and run `make lists`.
 *
 *     struct config config;
 *
 *     config_init(&config);
 *     if (!config_read(&config, argc - 1, argv + 1, environ, &err))
 *         ...
 *     config_release(&config);
 *
 * An option comes from the command line, else the environment, else the file
 * (config_file.h), else its default. --max-pixels 1000,
 * WHEREFORE_MAX_PIXELS=1000 and max-pixels = 1000 are the same. Values contain
 * no control characters.
 *
 * Immutable after reading. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/error.h"

/* SECTION(name, what the options up to the next section are about)
 * TEXT(field, flag, default, value name, help); with a default of "" (the help
 * says none), the option may be set to an empty value
 * LIST(field, flag, default, value name, help), a text that may be repeated;
 * a default of "" is the empty list
 * NUMBER(field, flag, default, min, max, unit, help)
 * CHOICE(field, flag, default, choices, help), choices being "a|b|c" in the
 * order of the enumerators; use "off|on" for false and true */
#define CONFIG_OPTIONS(SECTION, TEXT, LIST, NUMBER, CHOICE)                    \
    SECTION("models", "the networks that are served")                          \
    LIST(models, "model", "models/efficientnet-lite0", "FOLDER",               \
         "a model folder with model.onnx, labels.txt and model.json; may be "  \
         "repeated, and the first is the default; SIGHUP reloads them")        \
    TEXT(input_size, "input-size", "own", "SIZE",                              \
         "input size in pixels, such as 448 or 160x80, instead of the "        \
         "model's own; a larger input gives a finer map")                      \
    CHOICE(precision, "precision", CONFIG_FP32, "fp32|int8|auto",              \
           "arithmetic of the networks: floats, 8-bit integers (faster, "      \
           "slightly less accurate, needs a processor with AVX2, or the "      \
           "XNNPACK of 2024), or whichever a check at startup prefers")        \
    TEXT(exemplars, "exemplars", "", "FOLDER",                                 \
         "exemplars to offer: a folder that `wherefore exemplars` has "        \
         "written, or one with such folders in it; SIGHUP reads it anew")      \
    TEXT(film, "film", "", "FOLDER",                                           \
         "a film for the page: a folder of images, its frames, in the order "  \
         "of their names; at most 1000, with 64 MB together")                  \
    SECTION("work", "how much runs at once, and how much may wait")            \
    NUMBER(workers, "workers", 2, 1, 256, "threads",                           \
           "images processed at the same time, one thread each")               \
    NUMBER(lone_threads, "lone-threads", 0, 0, 64, "threads",                  \
           "threads that run the network for one image while other workers "   \
           "are idle; 0 means the number of workers or of cores, whichever "   \
           "is smaller; 1 means the worker's own thread")                      \
    NUMBER(queue_length, "queue-length", 64, 1, 65536, "requests",             \
           "images that may wait for a worker; further requests get a 503")    \
    NUMBER(deadline_ms, "deadline-ms", 10000, 1, 3600000, "milliseconds",      \
           "longest wait for a worker before the response is a 503; methods "  \
           "of several passes are also stopped between two passes after it")   \
    NUMBER(ascend_deadline_ms, "ascend-deadline-ms", 120000, 1, 3600000,       \
           "milliseconds",                                                     \
           "longest time of a gradient ascent (POST /ascend), the wait for a " \
           "worker included; then the response is a 503")                      \
    NUMBER(max_passes, "max-passes", 1500, 1, 1000000, "passes",               \
           "most passes of the network for one image; a request that takes "   \
           "more gets a 413")                                                  \
    NUMBER(max_memory, "max-memory", 0, 0, UINT64_C(1000000000000000),         \
           "bytes",                                                            \
           "memory that the process may take, if its control group or "        \
           "container allows it; work that does not fit gets a 503; 0 means "  \
           "that limit alone")                                                 \
    TEXT(methods, "methods", "all", "NAME,NAME",                               \
         "the methods of explanation that requests may use, separated by "     \
         "commas, or all; others get a 403")                                   \
    SECTION("connections",                                                     \
            "where to listen, how many connections, and timeouts")             \
    TEXT(listen, "listen", "127.0.0.1:8080", "ADDRESS:PORT",                   \
         "address to listen on; port 0 picks a free port, [::1]:8080 is "      \
         "IPv6, :8080 is every address, unix:/PATH is a Unix socket")          \
    TEXT(socket_mode, "socket-mode", "660", "OCTAL",                           \
         "permissions of the Unix socket, which say who may connect")          \
    NUMBER(max_connections, "max-connections", 1024, 2, 65536, "connections",  \
           "open connections, health checks included; at the limit, a new "    \
           "connection takes the place of the longest idle one, or gets a "    \
           "503 if none is idle; must exceed workers + queue-length")          \
    NUMBER(max_connections_per_address, "max-connections-per-address", 0, 0,   \
           65536, "connections",                                               \
           "open connections from one address (one /64 with IPv6), except a "  \
           "--trusted-proxy; one more gets a 429; 0 means no limit")           \
    NUMBER(header_timeout, "header-timeout", 10, 1, 3600, "seconds",           \
           "time limit for receiving the headers of a request")                \
    NUMBER(timeout, "timeout", 15, 1, 3600, "seconds",                         \
           "how long a client may be silent before its connection is closed")  \
    NUMBER(receive_timeout, "receive-timeout", 120, 1, 86400, "seconds",       \
           "time limit for receiving a request body")                          \
    NUMBER(min_receive_rate, "min-receive-rate", 500, 0, 1000000000,           \
           "bytes a second",                                                   \
           "lowest rate at which a request body may arrive after the first "   \
           "--timeout seconds; 0 means no limit")                              \
    NUMBER(send_timeout, "send-timeout", 120, 1, 86400, "seconds",             \
           "time limit for sending a response")                                \
    NUMBER(drain_timeout, "drain-timeout", 20, 0, 3600, "seconds",             \
           "how long accepted requests may take after SIGTERM")                \
    SECTION("limits", "how large a request may be")                            \
    NUMBER(max_body_bytes, "max-body-bytes", 16777216, 1024, 1073741824,       \
           "bytes", "longest request body")                                    \
    NUMBER(max_inflight_bytes, "max-inflight-bytes", 268435456, 1024,          \
           1099511627776, "bytes",                                             \
           "all request bodies together that are being received; further "     \
           "requests get a 503")                                               \
    NUMBER(max_header_bytes, "max-header-bytes", 16384, 1024, 32768, "bytes",  \
           "longest request line and headers; the request target may have "    \
           "half of it")                                                       \
    NUMBER(max_form_fields, "max-form-fields", 64, 1, 10000, "fields",         \
           "most options in the query and fields in the form together")        \
    NUMBER(max_width, "max-width", 16384, 1, 65535, "pixels", "widest image")  \
    NUMBER(max_height, "max-height", 16384, 1, 65535, "pixels",                \
           "tallest image")                                                    \
    NUMBER(max_pixels, "max-pixels", 50000000, 1, 4000000000, "pixels",        \
           "largest image, width x height")                                    \
    NUMBER(max_unpacked_bytes, "max-unpacked-bytes", 100000000, 1,             \
           1000000000000, "bytes",                                             \
           "budget for decoding an image beyond its first 16.8 million "       \
           "pixels, in bytes of memory and in nanoseconds; each byte of the "  \
           "file adds 192")                                                    \
    SECTION("access", "who may use the service")                               \
    TEXT(token_file, "token-file", "", "FILE",                                 \
         "file of bearer tokens, one per line; /cam, /activations, /ascend, "  \
         "/filters, /exemplars, /film, /model, /model/layers, /models and "    \
         "/methods then require one of them; SIGHUP reloads it")               \
    TEXT(metrics_token_file, "metrics-token-file", "", "FILE",                 \
         "the same for /metrics")                                              \
    LIST(cors_origins, "cors-origin", "", "ORIGIN",                            \
         "an origin such as https://example.org whose pages may call the "     \
         "API, or * for all; may be repeated")                                 \
    SECTION("sandbox", "which rights the process gives up")                    \
    CHOICE(sandbox, "sandbox", CONFIG_SANDBOX_AUTO, "auto|on|off",             \
           "give up what the service does not need: auto as far as the "       \
           "kernel supports it, on refuses to start without all of it")        \
    SECTION("log", "how requests are logged")                                  \
    CHOICE(log_format, "log-format", CONFIG_LOG_TEXT, "text|json|none",        \
           "format of the request log on stderr")                              \
    LIST(trusted_proxies, "trusted-proxy", "", "NETWORK",                      \
         "a proxy whose X-Forwarded-For is trusted and which is exempt from "  \
         "--max-connections-per-address: an address, a network such as "       \
         "10.0.0.0/8, or unix for clients of the Unix socket; may be "         \
         "repeated")                                                           \
    SECTION("others", "not allowed in a file")                                 \
    TEXT(file, "config", "", "FILE",                                           \
         "file of options, in the format that --print-config writes")

/* X(action, flag, help): flags without a value, on the command line only. The
 * last one wins, but help beats all others. */
#define CONFIG_ACTIONS(X)                                                     \
    X(CONFIG_HELP, "help", "list the options and exit")                       \
    X(CONFIG_CHECK, "check-config",                                           \
      "check the file, the environment and the command line, print ok or "    \
      "what is wrong, and exit; no model is opened")                          \
    X(CONFIG_PRINT, "print-config",                                           \
      "print the options in effect and where each comes from, in the format " \
      "of the file, and exit")                                                \
    X(CONFIG_ROUTES, "print-routes", "list the routes and exit")

enum config_action {
    CONFIG_SERVE,
#define X(action, flag, help) action,
    CONFIG_ACTIONS(X)
#undef X
};

/* In the order of enum precision_choice (engine/run). */
enum config_precision { CONFIG_FP32, CONFIG_INT8, CONFIG_AUTO };

enum config_sandbox {
    CONFIG_SANDBOX_AUTO,
    CONFIG_SANDBOX_ON,
    CONFIG_SANDBOX_OFF
};

enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON, CONFIG_LOG_NONE };

enum { CONFIG_MAX_LIST = 16 };

struct config_list {
    const char *items[CONFIG_MAX_LIST]; /* (count) */
    size_t count;
    bool given; /* no longer the default */
};

/* Where a value comes from; a later source overrides an earlier one. */
enum config_source {
    CONFIG_DEFAULT,
    CONFIG_FILE,
    CONFIG_ENVIRONMENT,
    CONFIG_FLAG,
};

struct config_origin {
    enum config_source source;
    unsigned line; /* of the file */
};

enum {
#define SECTION(name, about) +1
#define OPTION(field, ...) +1
    CONFIG_NUM_ROWS = CONFIG_OPTIONS(SECTION, OPTION, OPTION, OPTION, OPTION)
#undef SECTION
#undef OPTION
};

struct config_text; /* one text from the user */
struct option;      /* options.h */

struct config {
#define SECTION(name, about)
#define TEXT(field, flag, def, value, help) const char *field;
#define LIST(field, flag, def, value, help) struct config_list field;
#define NUMBER(field, flag, def, min, max, unit, help) uint64_t field;
#define CHOICE(field, flag, def, choices, help) unsigned field;
    CONFIG_OPTIONS(SECTION, TEXT, LIST, NUMBER, CHOICE)
#undef SECTION
#undef TEXT
#undef LIST
#undef NUMBER
#undef CHOICE
    enum config_action action; /* serve, or print something and exit */
    struct config_origin origins[CONFIG_NUM_ROWS];
    struct config_text *texts; /* owned; the fields above point into it */
};

/* Every option at its default. */
void config_init(struct config *config);

/* Reads `--flag value` and `--flag=value` arguments, then `environment`
 * (NULL-terminated like environ; NULL for none), then the file that one of them
 * names. Commas in a variable separate the items of a list. Variables that
 * container hosts set for a service called "wherefore" are ignored. ERROR_INPUT
 * names the argument, the variable, or the file and line, and says what is
 * accepted; for an unknown name it suggests the nearest. ERROR_IO and
 * ERROR_LIMIT are about the file. ERROR_MEMORY. */
bool config_read(struct config *config, int argc, char *const *argv,
                 char *const *environment, struct error *err)
    __attribute__((warn_unused_result));

/* The same for a command that has one more option: its row, of a field of the
 * struct that *config is the first member of. */
bool config_read_with(struct config *config, const struct option *more,
                      int argc, char *const *argv, char *const *environment,
                      struct error *err) __attribute__((warn_unused_result));

/* Prefixes err's text with the source of the option's value: its flag,
 * variable, or file and line. For errors that config_read cannot find. Returns
 * false. */
bool config_blame(const struct config *config, const char *flag,
                  struct error *err);

/* Frees the texts. */
void config_release(struct config *config);

#endif
