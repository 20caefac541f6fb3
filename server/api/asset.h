#ifndef SERVER_API_ASSET_H
#define SERVER_API_ASSET_H

/* The files of static/, embedded when the program is built. Immutable after
 * asset_init. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A page may be changed by the next version of the program: ask each time,
 * which the ETag makes cheap. A photo stays what it is. */
#define ASSET_ASK "no-cache"
#define ASSET_KEEP "public, max-age=86400"

/* X(symbol, path, file, content type, Cache-Control): adding a file is adding
 * a row. Each row is a route of its own (routes.c). */
#define ASSETS(X)                                                              \
    X(index_html, "/", "static/index.html", "text/html; charset=utf-8",        \
      ASSET_ASK)                                                               \
    X(app_css, "/app.css", "static/app.css", "text/css; charset=utf-8",        \
      ASSET_ASK)                                                               \
    X(app_js, "/app.js", "static/app.js", "text/javascript; charset=utf-8",    \
      ASSET_ASK)                                                               \
    X(ask_js, "/ask.js", "static/ask.js", "text/javascript; charset=utf-8",    \
      ASSET_ASK)                                                               \
    X(draw_js, "/draw.js", "static/draw.js", "text/javascript; charset=utf-8", \
      ASSET_ASK)                                                               \
    X(given_js, "/given.js", "static/given.js",                                \
      "text/javascript; charset=utf-8", ASSET_ASK)                             \
    X(map_js, "/map.js", "static/map.js", "text/javascript; charset=utf-8",    \
      ASSET_ASK)                                                               \
    X(palettes_js, "/palettes.js", "static/palettes.js",                       \
      "text/javascript; charset=utf-8", ASSET_ASK)                             \
    X(picture_js, "/picture.js", "static/picture.js",                          \
      "text/javascript; charset=utf-8", ASSET_ASK)                             \
    X(favicon, "/favicon.svg", "static/favicon.svg", "image/svg+xml",          \
      ASSET_KEEP)                                                              \
    X(openapi, "/openapi.yaml", "static/openapi.yaml", "application/yaml",     \
      ASSET_ASK)                                                               \
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

/* NULL where there is no such file. Any thread. */
const struct asset *asset_find(const char *path);

/* Whether an If-None-Match header (RFC 9110, section 13.1.2) names the ETag:
 * then the client has the file. NULL is no header. */
bool asset_matches(const struct asset *asset, const char *if_none_match);

#endif
