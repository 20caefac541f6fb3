#include "engine/model/model_members.h"

#include <string.h>

bool model_members_check(json_t *object, const char *name,
                         const char *const *known, size_t num_known,
                         struct error *err)
{
    const char *key;
    json_t *member;

    json_object_foreach(object, key, member)
    {
        size_t i = 0;

        while (i < num_known && strcmp(key, known[i]) != 0)
            i++;
        if (i == num_known)
            return fail(err, ERROR_INPUT, "unknown member %s.%.60s", name, key);
    }
    return true;
}
