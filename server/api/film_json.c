#include "server/api/film_json.h"

#include "server/http/json.h"

bool film_json_write(struct response *response, const struct film *film,
                     struct error *err)
{
    json_t *root = json_object(), *frames = json_array();
    bool ok = put(root, "frames", frames);

    for (size_t i = 0; i < film->count && ok; i++) {
        const struct film_frame *frame = &film->frames[i];
        json_t *entry = json_object();

        ok = put(entry, "name", text(frame->name)) &&
             put(entry, "bytes", json_integer((json_int_t)frame->bytes.len));
        ok = json_array_append_new(frames, entry) == 0 && ok;
    }
    if (!ok)
        fail(err, ERROR_MEMORY, "not enough memory for the response");
    ok = ok && dump(response, root, err) &&
         buf_append(&response->body, "\n", 1, err);
    json_decref(root);
    return ok;
}
