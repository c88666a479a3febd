/*
 * What every fuzz target has: libFuzzer's entry point, and an assertion that is always on. A target
 * is built twice: with libFuzzer (configure --enable-fuzz, CC=clang), and with replay.c as a check
 * program that runs the corpus in the tree.
 */
#ifndef PARLEY_TESTS_FUZZ_H
#define PARLEY_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Run one input; must not keep anything, and abort on a broken promise. Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_ASSERT(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
