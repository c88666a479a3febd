/*
 * Allocation: zeroed, never NULL, copies that end in NUL, and an end to the process on overflow.
 */
#include "shared/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void memory_is_zeroed_and_never_null(void **state)
{
    (void)state;
    for (size_t size = 0; size < 300; size += 37) {
        unsigned char *bytes = mem_alloc(size);
        assert_non_null(bytes);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(bytes[i], 0);
        mem_free(bytes);
        assert_null(bytes);
    }
    void *none = mem_array(0, 8);
    assert_non_null(none);
    mem_free(none);
}

static void growing_keeps_the_content(void **state)
{
    int *numbers = NULL;
    (void)state;
    for (int count = 1; count <= 1000; count *= 2) {
        numbers = mem_regrow(numbers, (size_t)count, sizeof *numbers);
        for (int i = count / 2; i < count; i++)
            numbers[i] = i;
    }
    for (int i = 0; i < 512; i++)
        assert_int_equal(numbers[i], i);
    numbers = mem_regrow(numbers, 0, sizeof *numbers);
    assert_non_null(numbers);
    mem_free(numbers);
}

static void copies_end_in_nul(void **state)
{
    char *copy = mem_strdup("abc");
    (void)state;
    assert_string_equal(copy, "abc");
    mem_free(copy);
    copy = mem_span_dup(span_make("a\0bcd", 3));
    assert_memory_equal(copy, "a\0b", 4);
    mem_free(copy);
    copy = mem_span_dup(SPAN_NONE);
    assert_string_equal(copy, "");
    mem_free(copy);
}

/* Does a process that asks for count * size bytes die? (Of abort(), or of the sanitizer, which is
 * asked first.) Its message goes nowhere. */
static bool dies_of(size_t count, size_t size)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka's handler would report a failure */
        close(STDERR_FILENO);
        free(mem_regrow(NULL, count, size));
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
}

static void overflow_ends_the_process(void **state)
{
    (void)state;
    assert_true(dies_of(SIZE_MAX / 2, 4));
    assert_false(dies_of(8, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_never_null),
        cmocka_unit_test(growing_keeps_the_content),
        cmocka_unit_test(copies_end_in_nul),
        cmocka_unit_test(overflow_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
