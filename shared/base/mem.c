/*
 * Allocation that aborts instead of failing. Not an allocator: libc's malloc does the work.
 */
#include "shared/base/mem.h"

#include <stdint.h>
#include <unistd.h>

static _Noreturn void mem_exhausted(void)
{
    static const char message[] = "out of memory\n";
    /* The log allocates; a bare write does not. The process ends whatever the write says. */
    ssize_t ignored = write(STDERR_FILENO, message, sizeof message - 1);
    (void)ignored;
    abort();
}

void *mem_array(size_t count, size_t size)
{
    void *ptr = calloc(count ? count : 1, size ? size : 1);
    if (!ptr)
        mem_exhausted();
    return ptr;
}

void *mem_alloc(size_t size)
{
    return mem_array(1, size);
}

void *mem_regrow(void *ptr, size_t count, size_t size)
{
    /* realloc to 0 bytes frees: keep one, so that the result is always the caller's to free. */
    void *moved = reallocarray(ptr, count ? count : 1, size ? size : 1);
    if (!moved)
        mem_exhausted();
    return moved;
}

char *mem_span_dup(struct span span)
{
    if (span.len == SIZE_MAX)
        mem_exhausted();
    char *copy = mem_regrow(NULL, span.len + 1, 1);
    if (span.len)
        memcpy(copy, span.ptr, span.len);
    copy[span.len] = '\0';
    return copy;
}

char *mem_strdup(const char *string)
{
    return mem_span_dup(span_of(string));
}
