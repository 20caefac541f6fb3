#include "server/api/cam_png.h"

bool cam_png_write(struct response *response,
                   const struct explanation *explanation, struct error *err)
{
    const struct engine_class *class = &explanation->first->class;

    if (explanation->refusal)
        return fail(err, ERROR_UNSUPPORTED, "%s", explanation->refusal);
    buf_release(&response->body);
    response->body = *explanation->heatmap; /* moved, not copied */
    *explanation->heatmap = (struct buf){0};
    response->status = 200;
    response->content_type = "image/png";
    response_header(response, "X-Wherefore-Class", "%zu", class->index);
    response_header(response, "X-Wherefore-Score", "%.6f",
                    (double)class->score);
    return true;
}
