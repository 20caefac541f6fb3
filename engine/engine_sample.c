/* What a session is shown: a file, pixels, or the network's own input. */
#include "engine/engine_session.h"

#include "engine/base/clock.h"

/* Prepares the network's input from the image, whose decoding began at `start`.
 */
static bool prepare(struct engine_session *session, uint64_t start,
                    struct error *err)
{
    const uint64_t decoded = clock_now_us();
    bool ok =
        preprocess_apply(session->preprocess, engine_session_input(session),
                         &session->region, &session->image, err);

    session->timing = (struct engine_timing){
        .decode = (double)(decoded - start) / 1000,
        .preprocess = clock_ms_since(decoded),
    };
    return ok;
}

bool engine_session_sample(struct engine_session *session, const uint8_t *bytes,
                           size_t len, const struct image_limits *limits,
                           const struct cancel *cancel, struct error *err)
{
    const uint64_t start = clock_now_us();
    struct error why = {0};

    session->timing = (struct engine_timing){0};
    if (!image_decode_for(&session->image, bytes, len, limits, cancel, &why) &&
        (!engine_session_make_room(session, &why, true) ||
         !image_decode_for(&session->image, bytes, len, limits, cancel, &why)))
        return error_pass(err, &why);
    return prepare(session, start, err);
}

/* Copies pixels, in a second attempt without what is kept from image to image.
 */
static bool take(struct engine_session *session,
                 const struct image_pixels *pixels,
                 const struct image_limits *limits, struct error *err)
{
    struct error why = {0};

    return image_take(&session->image, pixels, limits, &why) ||
           (engine_session_make_room(session, &why, true) &&
            image_take(&session->image, pixels, limits, &why)) ||
           error_pass(err, &why);
}

bool engine_session_sample_pixels(struct engine_session *session,
                                  const struct image_pixels *pixels,
                                  const struct image_limits *limits,
                                  struct error *err)
{
    const uint64_t start = clock_now_us();

    session->timing = (struct engine_timing){0};
    return take(session, pixels, limits, err) && prepare(session, start, err);
}

bool engine_session_sample_input(struct engine_session *session,
                                 const float *values, bool is_planar,
                                 const struct image_limits *limits,
                                 struct error *err)
{
    const uint64_t start = clock_now_us();
    struct image_pixels pixels;

    session->timing = (struct engine_timing){0};
    if (!preprocess_take(session->preprocess, engine_session_input(session),
                         &pixels, values, is_planar, err) ||
        !take(session, &pixels, limits, err))
        return false;
    session->region = (struct preprocess_region){.width = pixels.width,
                                                 .height = pixels.height};
    session->timing.decode = clock_ms_since(start);
    return true;
}
