/*
 * Engine.IO payloads and packets: whatever the bytes, the walk ends, stays inside them, and what
 * was decoded encodes back to something that decodes to the same.
 */
#include "tests/fuzz/fuzz.h"

#include "broker/eio/packet.h"

static void check_packet(const struct eio_packet *packet)
{
    struct buf text;
    struct buf binary;
    struct eio_packet again;
    buf_init(&text, BUF_MAX_DEFAULT);
    buf_init(&binary, BUF_MAX_DEFAULT);
    eio_packet_encode(&text, packet);
    FUZZ_ASSERT(text.len == eio_packet_encoded_size(packet));
    FUZZ_ASSERT(eio_packet_decode(buf_span(&text), &binary, &again) == ERR_OK);
    FUZZ_ASSERT(again.type == packet->type && again.binary == packet->binary);
    FUZZ_ASSERT(span_equal(again.data, packet->data));
    buf_release(&text);
    buf_release(&binary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body = span_make((const char *)data, size);
    struct eio_payload payload;
    struct eio_packet packet;
    struct buf binary;
    buf_init(&binary, size);
    size_t count = 0;
    eio_payload_begin(&payload, body);
    while (eio_payload_more(&payload)) {
        enum err err = eio_payload_next(&payload, &binary, &packet);
        FUZZ_ASSERT(err == ERR_OK || (err == ERR_SYNTAX && !eio_payload_more(&payload)));
        if (err == ERR_OK)
            check_packet(&packet);
        count++;
    }
    FUZZ_ASSERT(count <= size / 2 + 1);
    if (eio_packet_decode(body, &binary, &packet) == ERR_OK)
        check_packet(&packet);
    buf_release(&binary);
    return 0;
}
