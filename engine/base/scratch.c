#include "engine/base/scratch.h"

#include <stdint.h>
#include <stdlib.h>

#include "engine/base/memory_limit.h"

void *scratch_reserve(void *memory, size_t *cap, size_t count, size_t size,
                      struct error *err)
{
    if (memory && count <= *cap / size)
        return memory;
    free(memory);
    *cap = 0;
    memory = NULL;
    if (count <= (size_t)PTRDIFF_MAX / size) {
        if (!memory_limit_begin(count * size, err))
            return NULL;
        memory = malloc(count > 0 ? count * size : 1);
        memory_limit_end(count * size);
    }
    if (memory)
        *cap = count * size;
    else
        fail(err, ERROR_MEMORY, "not enough memory for %zu times %zu bytes",
             count, size);
    return memory;
}
