/* Reading websocket frames, in one piece and byte by byte. (The cases of RFC 6455 over a socket are
 * in tests/conformance/rfc6455.test.mjs.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/eio/ws_reader.h"
#include "shared/base/buf.h"

#define MAX 100000

/* A masked frame. */
static void add_frame(struct buf *out, int first, const char *payload, size_t len)
{
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};

    buf_add_char(out, (char)first);
    if (len < 126) {
        buf_add_char(out, (char)(0x80 | len));
    } else if (len < 65536) {
        buf_add_char(out, (char)(0x80 | 126));
        buf_add_char(out, (char)(len >> 8));
        buf_add_char(out, (char)len);
    } else {
        buf_add_char(out, (char)(0x80 | 127));
        for (int i = 7; i >= 0; i--)
            buf_add_char(out, (char)((uint64_t)len >> (8 * i)));
    }
    buf_add(out, mask, 4);
    for (size_t i = 0; i < len; i++)
        buf_add_char(out, (char)(payload[i] ^ mask[i & 3]));
}

struct seen {
    struct buf text; /* "T:...;" for each event */
    int code;
};

static void note(struct seen *seen, enum ws_read read, const struct ws_reader *reader,
                 struct span data)
{
    static const char letters[] = "?MpoCF";

    if (read == WS_READ_MESSAGE)
        buf_add_char(&seen->text, reader->binary ? 'B' : 'T');
    else
        buf_add_char(&seen->text, letters[read]);
    if (read != WS_READ_FAIL && data.len < 100)
        buf_add_span(&seen->text, data);
    if (read == WS_READ_FAIL || read == WS_READ_CLOSE)
        buf_addf(&seen->text, "%d", reader->code);
    buf_add_char(&seen->text, ';');
}

/* Feed in pieces of `step` bytes. */
static void read_all(struct buf *input, size_t step, struct seen *seen)
{
    struct ws_reader reader;
    bool over = false;

    ws_reader_init(&reader);
    buf_init(&seen->text, BUF_MAX_DEFAULT);
    for (size_t at = 0; at < input->len && !over; at += step) {
        size_t len = step < input->len - at ? step : input->len - at;
        char *copy = malloc(len); /* exactly so long: AddressSanitizer watches */
        char *cursor = copy;
        enum ws_read read;
        struct span data;

        memcpy(copy, input->data + at, len);
        while (!over && (read = ws_reader_feed(&reader, &cursor, &len, MAX, &data))) {
            note(seen, read, &reader, data);
            over = read == WS_READ_CLOSE || read == WS_READ_FAIL;
        }
        free(copy);
    }
    ws_reader_release(&reader);
}

static void assert_read(struct buf *input, const char *expected)
{
    static const size_t steps[] = {1 << 20, 1, 3, 7, 100};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct seen seen;

        read_all(input, steps[i], &seen);
        assert_string_equal(seen.text.data ? seen.text.data : "", expected);
        buf_release(&seen.text);
    }
    buf_release(input);
}

static struct buf begin(void)
{
    struct buf out;

    buf_init(&out, BUF_MAX_DEFAULT);
    return out;
}

static void test_messages(void **state)
{
    struct buf in = begin();

    (void)state;
    add_frame(&in, 0x81, "hello", 5);
    add_frame(&in, 0x82, "\1\2", 2);
    add_frame(&in, 0x81, "", 0);
    assert_read(&in, "Thello;B\1\2;T;");
}

static void test_fragments_with_control_frames_between(void **state)
{
    struct buf in = begin();

    (void)state;
    add_frame(&in, 0x01, "he", 2);
    add_frame(&in, 0x89, "ping", 4);
    add_frame(&in, 0x00, "", 0);
    add_frame(&in, 0x8A, "", 0);
    add_frame(&in, 0x80, "llo", 3);
    add_frame(&in, 0x88, "\x03\xe8", 2);
    assert_read(&in, "pping;o;Thello;C\x03\xe8"
                     "1000;");
}

static void test_lengths(void **state)
{
    static char big[MAX];
    static const size_t lengths[] = {125, 126, 65535, 65536, MAX};
    struct buf in = begin();

    (void)state;
    memset(big, 'x', sizeof big);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        add_frame(&in, 0x82, big, lengths[i]);
    assert_read(&in, "B;B;B;B;B;");
}

static void test_failures(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *expected;
    } rows[] = {
        {"\x81\x01x", 3, "F1002;"},                             /* not masked */
        {"\xC1\x80\0\0\0\0", 6, "F1002;"},                      /* reserved bit */
        {"\x83\x80\0\0\0\0", 6, "F1002;"},                      /* reserved opcode */
        {"\x80\x80\0\0\0\0", 6, "F1002;"},                      /* continuation of nothing */
        {"\x09\x80\0\0\0\0", 6, "F1002;"},                      /* fragmented ping */
        {"\x89\xFE\0\x7E\0\0\0\0", 8, "F1002;"},                /* long ping */
        {"\x82\xFF\x80\0\0\0\0\0\0\0\0\0\0\0", 14, "F1002;"},   /* top bit */
        {"\x82\xFF\0\0\0\0\0\1\x86\xA1\0\0\0\0", 14, "F1009;"}, /* MAX + 1 */
        {"\x81\x81\0\0\0\0\xFF", 7, "F1007;"},                  /* not UTF-8 */
        {"\x88\x81\0\0\0\0x", 7, "F1002;"},                     /* close of one byte */
        {"\x88\x82\0\0\0\0\x03\xED", 8, "F1002;"},              /* close 1005 */
        {"\x88\x83\0\0\0\0\x03\xE8\xFF", 9, "F1007;"},          /* close, bad reason */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf in = begin();

        buf_add(&in, rows[i].bytes, rows[i].len);
        assert_read(&in, rows[i].expected);
    }
}

static void test_fragments_past_the_limit(void **state)
{
    static char half[MAX / 2 + 1];
    struct buf in = begin();

    (void)state;
    add_frame(&in, 0x02, half, sizeof half);
    add_frame(&in, 0x80, half, sizeof half);
    assert_read(&in, "F1009;");
}

static void test_idle_reader_holds_nothing(void **state)
{
    struct buf in = begin();
    struct ws_reader reader;
    struct span data;
    char *cursor;
    size_t len;

    (void)state;
    add_frame(&in, 0x01, "a", 1);
    add_frame(&in, 0x80, "b", 1);
    ws_reader_init(&reader);
    cursor = in.data;
    len = in.len;
    assert_int_equal(ws_reader_feed(&reader, &cursor, &len, MAX, &data), WS_READ_MESSAGE);
    assert_int_equal(ws_reader_feed(&reader, &cursor, &len, MAX, &data), WS_READ_MORE);
    assert_null(reader.data);
    assert_null(reader.control);
    ws_reader_release(&reader);
    buf_release(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_fragments_with_control_frames_between),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_fragments_past_the_limit),
        cmocka_unit_test(test_idle_reader_holds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
