/*
 * Reads vector files for cmocka tests. Not a general parser: a malformed file fails the test.
 */
#include "tests/vectors/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    assert_non_null(at);
    return (int)(at - digits);
}

static const char *unescape_one(const char *at, struct buf *out)
{
    switch (*at) {
    case 't':
        buf_add_char(out, '\t');
        return at + 1;
    case 'n':
        buf_add_char(out, '\n');
        return at + 1;
    case 'r':
        buf_add_char(out, '\r');
        return at + 1;
    case 'x':
        buf_add_char(out, (char)(hex_value(at[1]) << 4 | hex_value(at[2])));
        return at + 3;
    default:
        assert_int_equal(*at, '\\');
        buf_add_char(out, '\\');
        return at + 1;
    }
}

static void unescape(const char *text, struct buf *out)
{
    buf_clear(out);
    buf_add_str(out, "");
    while (*text != '\0') {
        if (*text == '\\') {
            text = unescape_one(text + 1, out);
            continue;
        }
        buf_add_char(out, *text++);
    }
}

/* A copy of exactly the input's size, so that AddressSanitizer sees a read past its end. */
static void run_case(const struct buf *input, struct span expected, int line, vector_fn fn)
{
    char *exact = malloc(input->len ? input->len : 1);
    assert_non_null(exact);
    memcpy(exact, input->data, input->len);
    fn(span_make(exact, input->len), expected, line);
    free(exact);
}

int vectors_run(const char *name, vector_fn fn)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", VECTORS_DIR, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s cannot be opened", path);
    struct buf input;
    struct buf expected;
    buf_init(&input, 1 << 20);
    buf_init(&expected, 1 << 20);
    char *line = NULL;
    size_t size = 0;
    int count = 0;
    for (int number = 1; getline(&line, &size, file) >= 0; number++) {
        line[strcspn(line, "\n")] = '\0';
        char *tab = strchr(line, '\t');
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (tab == NULL)
            fail_msg("%s:%d has no tab", name, number);
        *tab = '\0';
        unescape(line, &input);
        unescape(tab + 1, &expected);
        run_case(&input, buf_span(&expected), number, fn);
        count++;
    }
    free(line);
    fclose(file);
    buf_release(&input);
    buf_release(&expected);
    assert_true(count > 0);
    return count;
}

void vectors_expect(const struct buf *got, struct span expected, int line)
{
    if (!span_equal(buf_span(got), expected))
        fail_msg("line %d: got \"%.*s\", expected \"%.*s\"", line, (int)got->len,
                 got->data ? got->data : "", (int)expected.len, expected.ptr);
}
