#ifndef ENGINE_BASE_BANNED_H
#define ENGINE_BASE_BANNED_H

/* Functions that are easy to misuse and that our sources do not use. The build
 * includes this first (-include) in engine/, server/ and cli/; the system's
 * headers come before the ban because they declare the functions.
 *
 *     strcpy strcat strncpy   snprintf, memcpy with a length, or struct buf
 *     sprintf vsprintf        snprintf, vsnprintf
 *     strtok                  strcspn and strspn; strtok keeps global state
 *     atoi atol atof          strtol, strtoul, strtod: they report errors
 *     gets scanf              fgets, and a parser for what was read */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison strcpy strcat strncpy stpcpy
#pragma GCC poison sprintf vsprintf
#pragma GCC poison strtok
#pragma GCC poison atoi atol atoll atof
#pragma GCC poison gets scanf

#endif
