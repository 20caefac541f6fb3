#ifndef SERVER_VERSION_H
#define SERVER_VERSION_H

/* The program's version, as `wherefore --version` and GET /metrics say it. */

#define VERSION_TEXT "0.1.0"

#endif
