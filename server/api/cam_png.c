#include "server/api/cam_png.h"

bool cam_png_write(struct response *response, struct engine_session *session,
                   const struct ask *ask, struct error *err)
{
    struct engine_class class;

    engine_session_top(session, &class, 1);
    if (ask->num_classes > 0 && ask->classes[0] != ASK_TOP)
        engine_session_class(session, &class, ask->classes[0]);
    if (!engine_session_heatmap(session, &response->body, class.index,
                                &ask->style, err))
        return false;
    response->status = 200;
    response->content_type = "image/png";
    response_header(response, "X-Wherefore-Class", "%zu", class.index);
    response_header(response, "X-Wherefore-Score", "%.6f", (double)class.score);
    return true;
}
