/*
 * Test vectors: text files of tab-separated fields, one case a line, shared by unit tests and the
 * fuzzers' corpora. `#` starts a comment line; \xNN, \t, \n, \r and \\ stand for bytes.
 */
#ifndef PARLEY_TESTS_VECTORS_H
#define PARLEY_TESTS_VECTORS_H

#include "shared/base/buf.h"

/* One case: both fields unescaped; `line` for messages. The spans are valid during the call. */
typedef void (*vector_fn)(struct span input, struct span expected, int line);

/* Call `fn` for each case of tests/vectors/<name>; fails the test if there is no such file or it
 * has no case. Returns the number of cases. */
int vectors_run(const char *name, vector_fn fn);

/* Fail the test, naming the line, unless `got` equals `expected`. */
void vectors_expect(const struct buf *got, struct span expected, int line);

#endif
