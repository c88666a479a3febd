/*
 * Allocation that does not fail: out of memory ends the process with a message, because every queue
 * and table is bounded and limits make it not happen. Free with mem_free, which clears the pointer.
 */
#ifndef PARLEY_BASE_MEM_H
#define PARLEY_BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>

#include "shared/base/span.h"

/* Zeroed memory, never NULL. Owned by the caller. */
void *mem_alloc(size_t size) __attribute__((returns_nonnull, malloc));
void *mem_array(size_t count, size_t size) __attribute__((returns_nonnull));

/* Grow or shrink; new bytes are not zeroed. Overflow of count * size aborts. */
void *mem_regrow(void *ptr, size_t count, size_t size);

/* Copies; NUL-terminated. */
char *mem_strdup(const char *string) __attribute__((returns_nonnull));
char *mem_span_dup(struct span span) __attribute__((returns_nonnull));

#define mem_free(pointer) (free(pointer), (pointer) = NULL)

#endif
