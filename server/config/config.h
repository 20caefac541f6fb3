#ifndef SERVER_CONFIG_CONFIG_H
#define SERVER_CONFIG_CONFIG_H

/* The options of `wherefore serve`, one row each. A row gives the field of
 * struct config, the flag, the key in the file, the variable, the default, the
 * help and the documentation at once: adding an option is adding a row below
 * its section, and `make lists`.
 *
 *     struct config config;
 *
 *     config_init(&config);
 *     if (!config_read(&config, argc - 1, argv + 1, environ, &err))
 *         ...
 *     config_release(&config);
 *
 * An option is at its default, or what the file says (config_file.h), or what
 * the environment says, or what the command line says: the last of those that
 * have it. --max-pixels 1000, WHEREFORE_MAX_PIXELS=1000 and max-pixels = 1000
 * are the same. No value has a control character in it.
 *
 * Immutable after reading. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/error.h"

/* SECTION(name, what the options up to the next section are about)
 * TEXT(field, flag, default, value name, help); where the default is "" (the
 * help says none), the option may be given as nothing too
 * LIST(field, flag, default, value name, help), a text that may be repeated;
 * a default of "" is the empty list
 * NUMBER(field, flag, default, min, max, unit, help)
 * CHOICE(field, flag, default, choices, help), choices being "a|b|c" in the
 * order of the enumerators; "off|on" is what is true or false */
#define CONFIG_OPTIONS(SECTION, TEXT, LIST, NUMBER, CHOICE)                   \
    SECTION("models", "which networks answer")                                \
    LIST(models, "model", "models/efficientnet-lite0", "FOLDER",              \
         "a model: a folder with model.onnx, labels.txt and model.json; "     \
         "several may be given, and the first is the default; SIGHUP reads "  \
         "them anew")                                                         \
    TEXT(input_size, "input-size", "own", "SIZE",                             \
         "the network's input in pixels, such as 448 or 160x80, if not the "  \
         "model's own: a larger one gives a finer map")                       \
    CHOICE(precision, "precision", CONFIG_FP32, "fp32|int8|auto",             \
           "what networks compute with: floats, or integers of 8 bits "       \
           "(faster, a little off; needs XNNPACK of 2024), or whichever a "   \
           "check at the start finds fit")                                    \
    SECTION("work", "how much is done at once, and how much may wait")        \
    NUMBER(workers, "workers", 2, 1, 256, "threads",                          \
           "pictures worked on at the same time, one thread each")            \
    NUMBER(lone_threads, "lone-threads", 0, 0, 64, "threads",                 \
           "for a network's run while other workers are idle; 0 is as many "  \
           "as workers, or cores if those are fewer; 1 its own")              \
    NUMBER(queue_length, "queue-length", 64, 1, 65536, "requests",            \
           "pictures that may wait for a worker; more are answered 503")      \
    NUMBER(deadline_ms, "deadline-ms", 10000, 1, 3600000, "milliseconds",     \
           "longest wait for a worker before the answer is 503")              \
    SECTION("connections", "where to listen, and how patiently")              \
    TEXT(listen, "listen", "127.0.0.1:8080", "ADDRESS:PORT",                  \
         "where to listen; port 0 takes a free one, [::1]:8080 is IPv6, "     \
         ":8080 every address, unix:/PATH a Unix socket")                     \
    TEXT(socket_mode, "socket-mode", "660", "OCTAL",                          \
         "who may connect to a Unix socket: its permissions")                 \
    NUMBER(max_connections, "max-connections", 1024, 2, 65536, "connections", \
           "open connections, those of health checks included; for one more " \
           "the one idle longest is closed, or it is answered 503; must "     \
           "exceed workers + queue-length")                                   \
    NUMBER(max_connections_per_address, "max-connections-per-address", 0, 0,  \
           65536, "connections",                                              \
           "open connections of one address (of IPv6, one /64), a "           \
           "--trusted-proxy apart; one more is answered 429; 0 is no limit")  \
    NUMBER(header_timeout, "header-timeout", 10, 1, 3600, "seconds",          \
           "how long a request's headers may take to arrive")                 \
    NUMBER(timeout, "timeout", 15, 1, 3600, "seconds",                        \
           "how long a client may stay silent before it is hung up on")       \
    NUMBER(receive_timeout, "receive-timeout", 120, 1, 86400, "seconds",      \
           "how long a request body may take to arrive as a whole")           \
    NUMBER(min_receive_rate, "min-receive-rate", 500, 0, 1000000000,          \
           "bytes a second",                                                  \
           "how slowly a request body may arrive, after the first "           \
           "--timeout seconds; 0 is no limit")                                \
    NUMBER(send_timeout, "send-timeout", 120, 1, 86400, "seconds",            \
           "how long an answer may take to be read")                          \
    NUMBER(drain_timeout, "drain-timeout", 20, 0, 3600, "seconds",            \
           "how long accepted requests may take after SIGTERM")               \
    SECTION("limits", "how large a request may be")                           \
    NUMBER(max_body_bytes, "max-body-bytes", 16777216, 1024, 1073741824,      \
           "bytes", "longest request body")                                   \
    NUMBER(max_inflight_bytes, "max-inflight-bytes", 268435456, 1024,         \
           1099511627776, "bytes",                                            \
           "all request bodies at the same time; more are answered 503")      \
    NUMBER(max_header_bytes, "max-header-bytes", 16384, 1024, 32768, "bytes", \
           "longest request line and headers; the target at most "            \
           "half of it")                                                      \
    NUMBER(max_form_fields, "max-form-fields", 64, 1, 10000, "fields",        \
           "options in the query and fields in a form together")              \
    NUMBER(max_width, "max-width", 16384, 1, 65535, "pixels",                 \
           "widest picture")                                                  \
    NUMBER(max_height, "max-height", 16384, 1, 65535, "pixels",               \
           "highest picture")                                                 \
    NUMBER(max_pixels, "max-pixels", 50000000, 1, 4000000000, "pixels",       \
           "largest picture, width x height")                                 \
    NUMBER(max_unpacked_bytes, "max-unpacked-bytes", 100000000, 1,            \
           1000000000000, "bytes",                                            \
           "what decoding a picture may take beyond its first 16.8 million "  \
           "pixels, in bytes of memory and in nanoseconds, whatever its "     \
           "file's length; for each byte of it 192 more")                     \
    SECTION("access", "who may ask")                                          \
    TEXT(token_file, "token-file", "", "FILE",                                \
         "a file of bearer tokens, a line each, one of which /cam, /model "   \
         "and /models then ask for; SIGHUP reads it anew")                    \
    TEXT(metrics_token_file, "metrics-token-file", "", "FILE",                \
         "the same for /metrics")                                             \
    LIST(cors_origins, "cors-origin", "", "ORIGIN",                           \
         "an origin such as https://example.org whose pages' scripts may "    \
         "ask, or * for all; several may be given")                           \
    SECTION("sandbox", "what the program may still do itself")                \
    CHOICE(sandbox, "sandbox", CONFIG_SANDBOX_AUTO, "auto|on|off",            \
           "give up what the service does not need: auto as far as the "      \
           "kernel has it, on or do not start")                               \
    SECTION("log", "what is said about requests")                             \
    CHOICE(log_format, "log-format", CONFIG_LOG_TEXT, "text|json|none",       \
           "how requests are logged on stderr")                               \
    LIST(trusted_proxies, "trusted-proxy", "", "NETWORK",                     \
         "a proxy whose X-Forwarded-For names the client, and which may "     \
         "open connections for all of them: an address, a network such as "   \
         "10.0.0.0/8, or unix for who comes through a Unix socket; several "  \
         "may be given")                                                      \
    SECTION("others", "what no file has")                                     \
    TEXT(file, "config", "", "FILE",                                          \
         "a file with options, as --print-config writes it")

/* X(action, flag, help): flags without a value, for the command line only; the
 * last one counts, but help goes before all. */
#define CONFIG_ACTIONS(X)                                                     \
    X(CONFIG_HELP, "help", "list the options and exit")                       \
    X(CONFIG_CHECK, "check-config",                                           \
      "read the file, the environment and the command line, say ok or what "  \
      "is wrong, and exit; no model is opened")                               \
    X(CONFIG_PRINT, "print-config",                                           \
      "print the options in effect, and where each is from, as such a file, " \
      "and exit")                                                             \
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
    bool given; /* not the default any more */
};

/* Where a value is from; a later one goes before an earlier one. */
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

struct config_text; /* one text that was given */
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
    enum config_action action; /* what to do at all */
    struct config_origin origins[CONFIG_NUM_ROWS];
    struct config_text *texts; /* owned; what the fields above point to */
};

/* Every option at its default. */
void config_init(struct config *config);

/* Reads `--flag value` and `--flag=value` arguments, then `environment`
 * (NULL-terminated, as environ is; NULL for none), then the file that one of
 * them names. In a variable commas separate the items of a list; variables
 * that a container host makes of a service called "wherefore" are ignored.
 * ERROR_INPUT names the argument, variable, or file and line, what it accepts,
 * and for an unknown one the nearest that there is. ERROR_IO, ERROR_LIMIT: of
 * the file. ERROR_MEMORY. */
bool config_read(struct config *config, int argc, char *const *argv,
                 char *const *environment, struct error *err)
    __attribute__((warn_unused_result));

/* The same for a command that has one more option: its row, of a field of the
 * struct that *config is the first member of. */
bool config_read_with(struct config *config, const struct option *more,
                      int argc, char *const *argv, char *const *environment,
                      struct error *err) __attribute__((warn_unused_result));

/* Puts before err's text where the option's value is from: its flag, variable,
 * or file and line. For what is wrong with a value that config_read cannot
 * know. Returns false. */
bool config_blame(const struct config *config, const char *flag,
                  struct error *err);

/* Frees the texts. */
void config_release(struct config *config);

#endif
