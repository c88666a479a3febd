/* The table of errors, as look-ups. */
#include "shared/base/err.h"

#include <stddef.h>

static const struct {
    const char *code;
    int status;
    const char *message;
} table[] = {[ERR_OK] = {"ok", 200, "OK"},
#define X(name, code, status, message) [name] = {code, status, message},
             ERR_PUBLIC_TABLE(X)
#undef X
};

#define TABLE_SIZE (sizeof table / sizeof table[0])

enum err err_public(enum err err)
{
    if ((size_t)err < TABLE_SIZE)
        return err;
    if (err == ERR_DB_LOST || err == ERR_DB_LOCK_TIMEOUT)
        return ERR_UNAVAILABLE;
    return ERR_INTERNAL;
}

const char *err_code(enum err err)
{
    return table[err_public(err)].code;
}

int err_status(enum err err)
{
    return table[err_public(err)].status;
}

const char *err_message(enum err err)
{
    return table[err_public(err)].message;
}
