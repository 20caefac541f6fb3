#ifndef SERVER_API_ASSET_H
#define SERVER_API_ASSET_H

/* The files of static/, embedded when the program is built. Immutable after
 * asset_init. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The next version of the program may change the page, so browsers revalidate
 * each time, which the ETag makes cheap. Photos do not change. */
#define ASSET_REVALIDATE "no-cache"
#define ASSET_KEEP "public, max-age=86400"

/* X(symbol, path, file, content type, Cache-Control): one row per file. Each
 * row is also a route (routes.c). */
#define ASSETS(X)                                                              \
    X(index_html, "/", "static/index.html", "text/html; charset=utf-8",        \
      ASSET_REVALIDATE)                                                        \
    X(app_css, "/app.css", "static/app.css", "text/css; charset=utf-8",        \
      ASSET_REVALIDATE)                                                        \
    X(app_js, "/app.js", "static/app.js", "text/javascript; charset=utf-8",    \
      ASSET_REVALIDATE)                                                        \
    X(ascent_js, "/ascent.js", "static/ascent.js",                             \
      "text/javascript; charset=utf-8", ASSET_REVALIDATE)                      \
    X(ask_js, "/ask.js", "static/ask.js", "text/javascript; charset=utf-8",    \
      ASSET_REVALIDATE)                                                        \
    X(channels_js, "/channels.js", "static/channels.js",                       \
      "text/javascript; charset=utf-8", ASSET_REVALIDATE)                      \
    X(dom_js, "/dom.js", "static/dom.js", "text/javascript; charset=utf-8",    \
      ASSET_REVALIDATE)                                                        \
    X(draw_js, "/draw.js", "static/draw.js", "text/javascript; charset=utf-8", \
      ASSET_REVALIDATE)                                                        \
    X(explained_js, "/explained.js", "static/explained.js",                    \
      "text/javascript; charset=utf-8", ASSET_REVALIDATE)                      \
    X(film_css, "/film.css", "static/film.css", "text/css; charset=utf-8",     \
      ASSET_REVALIDATE)                                                        \
    X(film_js, "/film.js", "static/film.js", "text/javascript; charset=utf-8", \
      ASSET_REVALIDATE)                                                        \
    X(given_js, "/given.js", "static/given.js",                                \
      "text/javascript; charset=utf-8", ASSET_REVALIDATE)                      \
    X(how_js, "/how.js", "static/how.js", "text/javascript; charset=utf-8",    \
      ASSET_REVALIDATE)                                                        \
    X(inside_css, "/inside.css", "static/inside.css",                          \
      "text/css; charset=utf-8", ASSET_REVALIDATE)                             \
    X(inside_js, "/inside.js", "static/inside.js",                             \
      "text/javascript; charset=utf-8", ASSET_REVALIDATE)                      \
    X(inside_channel_js, "/inside_channel.js", "static/inside_channel.js",     \
      "text/javascript; charset=utf-8", ASSET_REVALIDATE)                      \
    X(inside_class_js, "/inside_class.js", "static/inside_class.js",           \
      "text/javascript; charset=utf-8", ASSET_REVALIDATE)                      \
    X(inside_layer_js, "/inside_layer.js", "static/inside_layer.js",           \
      "text/javascript; charset=utf-8", ASSET_REVALIDATE)                      \
    X(inside_parts_js, "/inside_parts.js", "static/inside_parts.js",           \
      "text/javascript; charset=utf-8", ASSET_REVALIDATE)                      \
    X(map_js, "/map.js", "static/map.js", "text/javascript; charset=utf-8",    \
      ASSET_REVALIDATE)                                                        \
    X(palettes_js, "/palettes.js", "static/palettes.js",                       \
      "text/javascript; charset=utf-8", ASSET_REVALIDATE)                      \
    X(picture_js, "/picture.js", "static/picture.js",                          \
      "text/javascript; charset=utf-8", ASSET_REVALIDATE)                      \
    X(place_js, "/place.js", "static/place.js",                                \
      "text/javascript; charset=utf-8", ASSET_REVALIDATE)                      \
    X(side_js, "/side.js", "static/side.js", "text/javascript; charset=utf-8", \
      ASSET_REVALIDATE)                                                        \
    X(words_js, "/words.js", "static/words.js",                                \
      "text/javascript; charset=utf-8", ASSET_REVALIDATE)                      \
    X(favicon, "/favicon.svg", "static/favicon.svg", "image/svg+xml",          \
      ASSET_KEEP)                                                              \
    X(openapi, "/openapi.yaml", "static/openapi.yaml", "application/yaml",     \
      ASSET_REVALIDATE)                                                        \
    X(chelsea, "/samples/chelsea.png", "static/samples/chelsea.png",           \
      "image/png", ASSET_KEEP)                                                 \
    X(coffee, "/samples/coffee.png", "static/samples/coffee.png", "image/png", \
      ASSET_KEEP)                                                              \
    X(astronaut, "/samples/astronaut.png", "static/samples/astronaut.png",     \
      "image/png", ASSET_KEEP)                                                 \
    X(rocket, "/samples/rocket.jpg", "static/samples/rocket.jpg",              \
      "image/jpeg", ASSET_KEEP)

struct asset {
    const char *path; /* of the URL */
    const char *content_type;
    const char *cache_control;
    const uint8_t *bytes;
    size_t len;
    char etag[24]; /* strong: a hash of the bytes, quoted */
};

/* Computes the ETags. Once, before other threads start. */
void asset_init(void);

/* The file at this path, or NULL. Any thread. */
const struct asset *asset_find(const char *path);

/* Whether an If-None-Match header (RFC 9110, section 13.1.2) names the ETag,
 * which means that the client has the file. NULL: no header. */
bool asset_matches(const struct asset *asset, const char *if_none_match);

#endif
