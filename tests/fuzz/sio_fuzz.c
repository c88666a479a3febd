/*
 * Socket.IO packets: what is let in is one well-formed packet, encodes back to itself, and is still
 * JSON after a recovery offset was added.
 */
#include "tests/fuzz/fuzz.h"

#include "broker/sio/packet.h"
#include "shared/base/json_scan.h"
#include "shared/base/utf8.h"

#define DEPTH 32

static void check_same(const struct sio_packet *a, const struct sio_packet *b)
{
    FUZZ_ASSERT(a->type == b->type && a->attachments == b->attachments);
    FUZZ_ASSERT(a->has_id == b->has_id && a->id == b->id);
    FUZZ_ASSERT(span_equal(a->nsp, b->nsp) && span_equal(a->payload, b->payload));
    FUZZ_ASSERT(span_present(a->payload) == span_present(b->payload));
    FUZZ_ASSERT(span_equal(a->name, b->name));
}

static void check_offset(const struct sio_packet *packet, struct buf *scratch)
{
    struct buf text;
    struct sio_packet again;
    int count = sio_args_count(packet->payload);
    buf_init(&text, BUF_MAX_DEFAULT);
    sio_packet_encode(&text, packet, SPAN_LIT("e\"1"));
    FUZZ_ASSERT(sio_packet_decode(buf_span(&text), DEPTH, scratch, &again) == ERR_OK);
    FUZZ_ASSERT(sio_args_count(again.payload) == count + 1);
    FUZZ_ASSERT(span_is(sio_args_get(again.payload, count), "\"e\\\"1\""));
    buf_release(&text);
}

static void check_packet(const struct sio_packet *packet)
{
    struct buf text;
    struct buf scratch;
    struct sio_packet again;
    buf_init(&text, BUF_MAX_DEFAULT);
    buf_init(&scratch, BUF_MAX_DEFAULT);
    FUZZ_ASSERT(packet->nsp.len > 0 && packet->nsp.ptr[0] == '/');
    FUZZ_ASSERT(!span_present(packet->name) || !sio_event_name_reserved(packet->name));
    FUZZ_ASSERT(!span_present(packet->payload) || json_scan(packet->payload, DEPTH) == ERR_OK);
    sio_packet_encode(&text, packet, SPAN_NONE);
    FUZZ_ASSERT(sio_packet_decode(buf_span(&text), DEPTH, &scratch, &again) == ERR_OK);
    check_same(packet, &again);
    if (packet->type == SIO_PACKET_EVENT || packet->type == SIO_PACKET_BINARY_EVENT)
        check_offset(packet, &scratch);
    buf_release(&text);
    buf_release(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_make((const char *)data, size);
    struct sio_packet packet;
    struct buf scratch;
    if (!utf8_is_valid(text))
        return 0; /* the transport refuses it before */
    buf_init(&scratch, BUF_MAX_DEFAULT);
    if (sio_packet_decode(text, DEPTH, &scratch, &packet) == ERR_OK)
        check_packet(&packet);
    buf_release(&scratch);
    return 0;
}
