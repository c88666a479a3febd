/*
 * Engine.IO packets and payloads against the text vectors, and what the vectors cannot say.
 */
#include "broker/eio/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tests/vectors/vectors.h"

static const char *const type_names[] = {"open",    "close",   "ping", "pong",
                                         "message", "upgrade", "noop"};

static void render(struct buf *out, const struct eio_packet *packet)
{
    if (!packet->binary) {
        buf_addf(out, "%s:", type_names[packet->type]);
        buf_add_span(out, packet->data);
        return;
    }
    assert_int_equal(packet->type, EIO_MESSAGE);
    buf_add_str(out, "binary:");
    for (size_t i = 0; i < packet->data.len; i++)
        buf_addf(out, "%02x", (unsigned char)packet->data.ptr[i]);
}

/* Packets that were decoded from canonical text must encode to it again. */
static void check_round_trip(const struct eio_packet *packet)
{
    struct buf text;
    struct buf binary;
    struct eio_packet again;
    buf_init(&text, 1 << 16);
    buf_init(&binary, 1 << 16);
    eio_packet_encode(&text, packet);
    assert_int_equal(text.len, eio_packet_encoded_size(packet));
    assert_int_equal(eio_packet_decode(buf_span(&text), &binary, &again), ERR_OK);
    assert_int_equal(again.type, packet->type);
    assert_int_equal(again.binary, packet->binary);
    assert_true(span_equal(again.data, packet->data));
    buf_release(&text);
    buf_release(&binary);
}

static void packet_case(struct span input, struct span expected, int line)
{
    struct buf binary;
    struct buf got;
    struct eio_packet packet;
    buf_init(&binary, 1 << 16);
    buf_init(&got, 1 << 16);
    if (eio_packet_decode(input, &binary, &packet) == ERR_OK) {
        render(&got, &packet);
        check_round_trip(&packet);
    } else {
        buf_add_str(&got, "error");
    }
    vectors_expect(&got, expected, line);
    buf_release(&binary);
    buf_release(&got);
}

static void packets_follow_the_vectors(void **state)
{
    (void)state;
    vectors_run("eio/packet.txt", packet_case);
}

static void payload_case(struct span input, struct span expected, int line)
{
    struct buf binary;
    struct buf got;
    struct eio_payload payload;
    struct eio_packet packet;
    buf_init(&binary, 1 << 16);
    buf_init(&got, 1 << 16);
    eio_payload_begin(&payload, input);
    while (eio_payload_more(&payload)) {
        buf_add_str(&got, got.len > 0 ? " | " : "");
        if (eio_payload_next(&payload, &binary, &packet) == ERR_OK)
            render(&got, &packet);
        else
            buf_add_str(&got, "error");
    }
    vectors_expect(&got, expected, line);
    buf_release(&binary);
    buf_release(&got);
}

static void payloads_follow_the_vectors(void **state)
{
    (void)state;
    vectors_run("eio/payload.txt", payload_case);
}

static void payload_is_joined_by_separators(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 16);
    eio_payload_add(&out, &(struct eio_packet){EIO_MESSAGE, false, SPAN_LIT("hello")});
    eio_payload_add(&out, &(struct eio_packet){EIO_MESSAGE, true, SPAN_LIT("\1\2\3\4")});
    eio_payload_add(&out, &(struct eio_packet){EIO_NOOP, false, SPAN_LIT("")});
    assert_string_equal(out.data, "4hello\x1e"
                                  "bAQIDBA==\x1e"
                                  "6");
    buf_release(&out);
}

static void base64_round_trips_every_length(void **state)
{
    (void)state;
    unsigned char bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 151 + 7);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        struct buf text;
        struct buf back;
        buf_init(&text, 1 << 16);
        buf_init(&back, len); /* exactly what is needed must do */
        eio_base64_encode(&text, span_make((const char *)bytes, len));
        assert_int_equal(text.len, (len + 2) / 3 * 4);
        assert_int_equal(eio_base64_decode(buf_span(&text), &back), ERR_OK);
        assert_int_equal(back.len, len);
        assert_memory_equal(back.data ? back.data : "", bytes, len);
        buf_release(&text);
        buf_release(&back);
    }
}

static void a_binary_packet_past_the_buffer_is_full(void **state)
{
    (void)state;
    struct buf binary;
    struct eio_packet packet;
    buf_init(&binary, 3);
    assert_int_equal(eio_packet_decode(SPAN_LIT("bAQID"), &binary, &packet), ERR_OK);
    assert_int_equal(eio_packet_decode(SPAN_LIT("bAQIDBA=="), &binary, &packet), ERR_FULL);
    assert_int_equal(eio_packet_decode(SPAN_LIT("bAQID"), &binary, &packet), ERR_OK);
    assert_int_equal(packet.data.len, 3);
    buf_release(&binary);
}

static void the_open_packet_has_five_keys(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 16);
    struct eio_open open = {"lv_VI97HAXpY6yYWAAAC", true, 25000, 20000, 1000000};
    eio_open_encode(&out, &open);
    assert_string_equal(out.data,
                        "0{\"sid\":\"lv_VI97HAXpY6yYWAAAC\",\"upgrades\":[\"websocket\"],"
                        "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
    buf_clear(&out);
    open.can_upgrade = false;
    eio_open_encode(&out, &open);
    assert_string_equal(out.data,
                        "0{\"sid\":\"lv_VI97HAXpY6yYWAAAC\",\"upgrades\":[],"
                        "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
    buf_release(&out);
}

static void refusals_are_those_of_the_protocol(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"code\":0,\"message\":\"Transport unknown\"}",
        "{\"code\":1,\"message\":\"Session ID unknown\"}",
        "{\"code\":2,\"message\":\"Bad handshake method\"}",
        "{\"code\":3,\"message\":\"Bad request\"}",
        "{\"code\":4,\"message\":\"Forbidden\"}",
        "{\"code\":5,\"message\":\"Unsupported protocol version\"}",
    };
    struct buf out;
    buf_init(&out, 1 << 16);
    for (int i = EIO_TRANSPORT_UNKNOWN; i <= EIO_BAD_VERSION; i++) {
        buf_clear(&out);
        eio_refusal_encode(&out, (enum eio_refusal)i, NULL);
        assert_string_equal(out.data, bodies[i]);
        assert_int_equal(eio_refusal_status((enum eio_refusal)i), i == EIO_FORBIDDEN ? 403 : 400);
        assert_non_null(strstr(bodies[i], eio_refusal_message((enum eio_refusal)i)));
    }
    buf_clear(&out);
    eio_refusal_encode(&out, EIO_FORBIDDEN, "no \"thanks\"");
    assert_string_equal(out.data, "{\"code\":4,\"message\":\"no \\\"thanks\\\"\"}");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_follow_the_vectors),
        cmocka_unit_test(payloads_follow_the_vectors),
        cmocka_unit_test(payload_is_joined_by_separators),
        cmocka_unit_test(base64_round_trips_every_length),
        cmocka_unit_test(a_binary_packet_past_the_buffer_is_full),
        cmocka_unit_test(the_open_packet_has_five_keys),
        cmocka_unit_test(refusals_are_those_of_the_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
