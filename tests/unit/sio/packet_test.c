/*
 * Socket.IO packets against the text vectors, and what the vectors cannot say.
 */
#include "broker/sio/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tests/vectors/vectors.h"

#define DEPTH 128

static const char *const type_names[] = {"CONNECT",       "DISCONNECT",   "EVENT",     "ACK",
                                         "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"};

static void render(struct buf *out, const struct sio_packet *packet)
{
    buf_add_str(out, type_names[packet->type]);
    if (packet->attachments > 0)
        buf_addf(out, "/%d", packet->attachments);
    buf_add_char(out, ' ');
    buf_add_span(out, packet->nsp);
    buf_add_char(out, ' ');
    if (packet->has_id)
        buf_add_int(out, (long long)packet->id);
    else
        buf_add_char(out, '-');
    if (span_present(packet->name)) {
        buf_add_str(out, " name=");
        buf_add_span(out, packet->name);
    }
    buf_add_char(out, ' ');
    buf_add_span(out, span_present(packet->payload) ? packet->payload : SPAN_LIT("-"));
}

/* What was decoded encodes to something that decodes to the same. */
static void check_round_trip(const struct sio_packet *packet)
{
    struct buf text, scratch, first, second;
    struct sio_packet again;
    buf_init(&text, 1 << 16);
    buf_init(&scratch, 1 << 16);
    buf_init(&first, 1 << 16);
    buf_init(&second, 1 << 16);
    sio_packet_encode(&text, packet, SPAN_NONE);
    assert_int_equal(sio_packet_decode(buf_span(&text), DEPTH, &scratch, &again), ERR_OK);
    render(&first, packet);
    render(&second, &again);
    assert_string_equal(first.data, second.data);
    buf_release(&text);
    buf_release(&scratch);
    buf_release(&first);
    buf_release(&second);
}

static void packet_case(struct span input, struct span expected, int line)
{
    struct buf scratch;
    struct buf got;
    struct sio_packet packet;
    buf_init(&scratch, 1 << 16);
    buf_init(&got, 1 << 16);
    if (sio_packet_decode(input, DEPTH, &scratch, &packet) == ERR_OK) {
        render(&got, &packet);
        check_round_trip(&packet);
    } else {
        buf_add_str(&got, "error");
    }
    vectors_expect(&got, expected, line);
    buf_release(&scratch);
    buf_release(&got);
}

static void packets_follow_the_vectors(void **state)
{
    (void)state;
    vectors_run("sio/packet.txt", packet_case);
}

/* An event whose arguments are nested so that the payload has `depth` levels. */
static void nested_event(struct buf *out, int depth)
{
    buf_clear(out);
    buf_add_str(out, "2[\"a\",");
    for (int i = 1; i < depth; i++)
        buf_add_char(out, '[');
    for (int i = 1; i < depth; i++)
        buf_add_char(out, ']');
    buf_add_char(out, ']');
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    struct buf text;
    struct buf scratch;
    struct sio_packet packet;
    buf_init(&text, 1 << 16);
    buf_init(&scratch, 1 << 16);
    nested_event(&text, 450);
    assert_int_equal(sio_packet_decode(buf_span(&text), 450, &scratch, &packet), ERR_OK);
    assert_int_equal(sio_packet_decode(buf_span(&text), 449, &scratch, &packet), ERR_SYNTAX);
    buf_release(&text);
    buf_release(&scratch);
}

/* Looking placeholders up level by level would take minutes for this. */
static void placeholders_are_checked_in_linear_time(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 4 << 20);
    for (int i = 0; i < 500; i++)
        buf_add_str(&text, "[");
    for (int i = 0; i < 100000; i++)
        buf_add_str(&text, "{\"_placeholder\":false,\"num\":1},");
    buf_add_str(&text, "0");
    for (int i = 0; i < 500; i++)
        buf_add_str(&text, "]");
    assert_int_equal(sio_placeholders_check(buf_span(&text), 501, 1), ERR_OK);
    buf_release(&text);
}

static void arguments_are_counted_and_found(void **state)
{
    (void)state;
    struct span payload = SPAN_LIT("[\"a\", {\"b\":[1,2]} ,null]");
    assert_int_equal(sio_args_count(payload), 3);
    assert_int_equal(sio_args_count(SPAN_LIT("[]")), 0);
    assert_true(span_is(sio_args_get(payload, 0), "\"a\""));
    assert_true(span_is(sio_args_get(payload, 1), "{\"b\":[1,2]}"));
    assert_true(span_is(sio_args_get(payload, 2), "null"));
    assert_false(span_present(sio_args_get(payload, 3)));
}

static void expect_encoded(const struct sio_packet *packet, struct span offset, const char *text)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    sio_packet_encode(&out, packet, offset);
    assert_string_equal(out.data, text);
    buf_release(&out);
}

static void encoding_has_every_part(void **state)
{
    (void)state;
    struct sio_packet p = {.type = SIO_PACKET_CONNECT, .payload = SPAN_LIT("{\"sid\":\"x\"}")};
    expect_encoded(&p, SPAN_NONE, "0{\"sid\":\"x\"}");
    p.nsp = SPAN_LIT("/admin");
    expect_encoded(&p, SPAN_NONE, "0/admin,{\"sid\":\"x\"}");
    p = (struct sio_packet){.type = SIO_PACKET_DISCONNECT, .nsp = SPAN_LIT("/")};
    expect_encoded(&p, SPAN_NONE, "1");
    p.nsp = SPAN_LIT("/admin");
    expect_encoded(&p, SPAN_NONE, "1/admin,");
    p = (struct sio_packet){.type = SIO_PACKET_BINARY_EVENT,
                            .nsp = SPAN_LIT("/a"),
                            .has_id = true,
                            .id = SIO_ACK_ID_MAX,
                            .attachments = 10,
                            .payload = SPAN_LIT("[\"f\"]")};
    expect_encoded(&p, SPAN_NONE, "510-/a,9007199254740992[\"f\"]");
}

static void an_offset_is_one_more_argument(void **state)
{
    (void)state;
    struct sio_packet p = {.type = SIO_PACKET_EVENT, .payload = SPAN_LIT("[\"f\",{\"a\":[]}]")};
    expect_encoded(&p, SPAN_LIT("e1.42"), "2[\"f\",{\"a\":[]},\"e1.42\"]");
    expect_encoded(&p, SPAN_LIT(""), "2[\"f\",{\"a\":[]},\"\"]");
    p.payload = SPAN_LIT("[]");
    expect_encoded(&p, SPAN_LIT("x"), "2[\"x\"]");
    p.payload = SPAN_LIT("[\"f\",{\"_placeholder\":true,\"num\":0}]");
    p.type = SIO_PACKET_BINARY_EVENT;
    p.attachments = 1;
    expect_encoded(&p, SPAN_LIT("Q82x"), "51-[\"f\",{\"_placeholder\":true,\"num\":0},\"Q82x\"]");
}

static void a_name_with_escapes_lives_in_the_scratch(void **state)
{
    (void)state;
    struct buf scratch;
    struct sio_packet packet;
    buf_init(&scratch, 1 << 16);
    struct span plain = SPAN_LIT("2[\"chat\"]");
    assert_int_equal(sio_packet_decode(plain, DEPTH, &scratch, &packet), ERR_OK);
    assert_ptr_equal(packet.name.ptr, plain.ptr + 3);
    struct span escaped = SPAN_LIT("2[\"ch\\u0061t\\n\"]");
    assert_int_equal(sio_packet_decode(escaped, DEPTH, &scratch, &packet), ERR_OK);
    assert_ptr_equal(packet.name.ptr, scratch.data);
    assert_true(span_is(packet.name, "chat\n"));
    buf_release(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_follow_the_vectors),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(placeholders_are_checked_in_linear_time),
        cmocka_unit_test(arguments_are_counted_and_found),
        cmocka_unit_test(encoding_has_every_part),
        cmocka_unit_test(an_offset_is_one_more_argument),
        cmocka_unit_test(a_name_with_escapes_lives_in_the_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
