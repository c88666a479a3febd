/*
 * Websocket frame headers: RFC 6455 section 5.2, the examples of section 5.7.
 */
#include "broker/eio/ws_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct header_case {
    enum ws_opcode opcode;
    bool fin;
    uint64_t len;
    size_t size;
    unsigned char bytes[WS_HEADER_MAX];
};

static const struct header_case cases[] = {
    {WS_TEXT, true, 5, 2, {0x81, 0x05}},
    {WS_TEXT, false, 3, 2, {0x01, 0x03}},
    {WS_CONTINUATION, true, 2, 2, {0x80, 0x02}},
    {WS_CONTINUATION, false, 0, 2, {0x00, 0x00}},
    {WS_BINARY, true, 256, 4, {0x82, 0x7e, 0x01, 0x00}},
    {WS_BINARY, true, 65536, 10, {0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0}},
    {WS_TEXT, true, 125, 2, {0x81, 0x7d}},
    {WS_TEXT, true, 126, 4, {0x81, 0x7e, 0x00, 0x7e}},
    {WS_TEXT, true, 65535, 4, {0x81, 0x7e, 0xff, 0xff}},
    {WS_TEXT, true, 0x0102030405060708, 10, {0x81, 0x7f, 1, 2, 3, 4, 5, 6, 7, 8}},
    {WS_CLOSE, true, 0, 2, {0x88, 0x00}},
    {WS_PING, true, 5, 2, {0x89, 0x05}},
    {WS_PONG, true, 125, 2, {0x8a, 0x7d}},
};

static void headers_are_those_of_the_rfc(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char out[WS_HEADER_MAX] = {0};
        const struct header_case *c = &cases[i];
        assert_int_equal(ws_frame_header(out, c->opcode, c->fin, c->len), c->size);
        assert_int_equal(ws_frame_header_size(c->len), c->size);
        assert_memory_equal(out, c->bytes, sizeof(out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_those_of_the_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
