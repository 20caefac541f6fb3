#ifndef SERVER_API_CAM_NPY_H
#define SERVER_API_CAM_NPY_H

/* The response of POST /cam as application/x-npy: the maps alone, as an array
 * for numpy.load. */

#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/http/response.h"

/* Writes the maps of the explained classes: little-endian floats, (height,
 * width) for one class, (classes, height, width) for several, in the order of
 * the header X-Wherefore-Classes, which has their indices. ERROR_UNSUPPORTED:
 * there is no map. ERROR_MEMORY. Any thread that owns the explanation. */
bool cam_npy_write(struct response *response,
                   const struct explanation *explanation, struct error *err)
    __attribute__((warn_unused_result));

#endif
