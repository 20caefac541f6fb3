#include "server/http/problem.h"

#include "server/http/json.h"

struct row {
    unsigned status;
    const char *title;
    const char *kind;
};

static const struct row rows[] = {
#define X(problem, status, title, kind) {status, title, kind},
    PROBLEMS(X)
#undef X
};

static const enum problem by_kind[] = {
    [ERROR_NONE] = PROBLEM_INTERNAL,
    [ERROR_INPUT] = PROBLEM_INPUT,
    [ERROR_UNSUPPORTED] = PROBLEM_MEDIA_TYPE,
    [ERROR_LIMIT] = PROBLEM_LIMIT,
    [ERROR_BUSY] = PROBLEM_BUSY,
    [ERROR_MEMORY] = PROBLEM_MEMORY,
    [ERROR_IO] = PROBLEM_INTERNAL,
    [ERROR_INTERNAL] = PROBLEM_INTERNAL,
};

unsigned problem_status(enum problem problem)
{
    return rows[problem].status;
}

const char *problem_kind(enum problem problem)
{
    return rows[problem].kind;
}

enum problem problem_of(enum error_kind kind)
{
    if ((unsigned)kind >= sizeof by_kind / sizeof by_kind[0])
        return PROBLEM_INTERNAL;
    return by_kind[kind];
}

/* As RFC 9457 says. NULL: not enough memory. */
static json_t *details(const struct row *row, const char *detail,
                       uint64_t limit, const char *id)
{
    json_t *root = json_pack("{ss ss sI so ss}", "type", "about:blank", "title",
                             row->title, "status", (json_int_t)row->status,
                             "detail", text(detail), "kind", row->kind);

    if (root &&
        (limit == 0 || put(root, "limit", json_integer((json_int_t)limit))) &&
        (!id || put(root, "request_id", json_string(id))))
        return root;
    json_decref(root);
    return NULL;
}

static bool write_body(struct buf *body, json_t *root)
{
    bool ok = root &&
              json_dump_callback(root, append, body, JSON_COMPACT) == 0 &&
              buf_append(body, "\n", 1, NULL);

    json_decref(root);
    return ok;
}

/* The response when there is not enough memory for the intended one. */
static void respond_no_memory(struct response *response)
{
    static const char text[] =
        "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\","
        "\"status\":503,\"detail\":\"not enough memory for the response\","
        "\"kind\":\"no-memory\","
        "\"error\":\"not enough memory for the response\"}\n";

    buf_release(&response->body);
    response->constant = (const uint8_t *)text;
    response->constant_len = sizeof text - 1;
}

void problem_response(struct response *response, enum problem problem,
                      const char *detail, uint64_t limit)
{
    const struct row *row = &rows[problem];
    const char *id = response->id;
    const enum problem_shape shape = response->shape;
    struct buf body = {0};
    bool written = write_body(
        &body, shape == PROBLEM_ERROR ? json_pack("{so}", "error", text(detail))
                                      : details(row, detail, limit, id));

    if (!written)
        row = &rows[PROBLEM_MEMORY];
    response_release(response);
    response->id = id;
    response->shape = shape;
    response->body = body;
    if (!written)
        respond_no_memory(response);
    response->title = row->title;
    response->kind = row->kind;
    response->status = row->status;
    response->content_type = shape == PROBLEM_ERROR
                                 ? "application/json"
                                 : "application/problem+json";
    response_header(response, "Cache-Control", "no-store");
    if (row->status == 401)
        response_header(response, "WWW-Authenticate",
                        "Bearer realm=\"wherefore\"");
    if (row->status == 503 || row->status == 429)
        response_header(response, "Retry-After", "1");
}

bool problem_send(int fd, enum problem problem, const char *detail,
                  uint64_t limit)
{
    struct response response = {0};
    bool ok;

    problem_response(&response, problem, detail, limit);
    response_header(&response, "X-Content-Type-Options", "nosniff");
    ok = response_send(fd, &response, true);
    response_release(&response);
    return ok;
}
