#ifndef ENGINE_XNN_XNN_H
#define ENGINE_XNN_XNN_H

/* XNNPACK's header, and which of two generations of the library it belongs to:
 * February 2022 (Debian 12) or November 2024 (Debian 13). */

#include <xnnpack.h>

/* This flag was added in between. */
#ifdef XNN_FLAG_KEEP_DIMS
#define XNN_IS_2024 1
#else
#define XNN_IS_2024 0
#endif

#endif
