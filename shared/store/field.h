/* Copying a column into a fixed field of a row's struct. Only for shared/store. */
#ifndef PARLEY_STORE_FIELD_H
#define PARLEY_STORE_FIELD_H

#include "shared/base/span.h"

/* Copy `text` (SPAN_NONE: "") and a NUL into the array `field`; what does not fit is cut, which the
 * lengths checked on the way in rule out. */
#define FIELD_COPY(field, text) field_copy((field), sizeof(field), (text))

static inline void field_copy(char *field, size_t size, struct span text)
{
    size_t len = text.len < size ? text.len : size - 1;
    if (len > 0)
        memcpy(field, text.ptr, len);
    field[len] = '\0';
}

#endif
