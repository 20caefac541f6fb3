#ifndef SERVER_VERSION_H
#define SERVER_VERSION_H

/* The program's version, for `wherefore --version` and GET /metrics. */

#define VERSION_TEXT "0.1.0"

#endif
