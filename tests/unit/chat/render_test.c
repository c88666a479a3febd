/* Rendering: the Message of the contract and the event array of each kind, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/base/mem.h"
#include "shared/chat/nonce.h"
#include "shared/chat/render.h"

/* 2026-11-22T18:30:00.123Z and a microsecond that is cut. */
#define AT INT64_C(1795372200123456)
#define AT_TEXT "2026-11-22T18:30:00.123Z"

static const struct log_row base = {
    .log = LOG_ROOM,
    .log_id = 3,
    .seq = 9,
    .kind = EVENT_TEXT,
    .actor = 1,
    .author = 1,
    .at_us = AT,
    .room_name = SPAN_LIT("r\"1"),
    .message = {.seq = 9,
                .kind = EVENT_TEXT,
                .sender = SPAN_LIT("ann"),
                .text = SPAN_LIT("a\nb"),
                .nonce = SPAN_LIT("n1"),
                .at_us = AT},
};

static void expect(const struct log_row *row, const char *json)
{
    struct event event = {0};

    render_to_event(row, &event);
    if (json) {
        assert_string_equal(event.json, json);
        assert_int_equal(event.json_len, strlen(json));
    } else {
        assert_null(event.json);
        assert_int_equal(event.json_len, 0);
    }
    assert_int_equal(event.seq, row->seq);
    assert_int_equal(event.log_id, row->log_id);
    mem_free(event.json);
    mem_free(event.room_name);
}

static void a_message_has_the_members_of_the_contract(void **state)
{
    struct log_row row = base;

    (void)state;
    expect(&row,
           "[\"newMessage\",{\"room\":\"r\\\"1\",\"seq\":9,\"kind\":\"text\",\"sender\":\"ann\","
           "\"text\":\"a\\nb\",\"date\":\"" AT_TEXT "\",\"nonce\":\"n1\"}]");
    row.kind = row.message.kind = EVENT_SYSTEM;
    row.message.sender = row.message.nonce = SPAN_NONE;
    expect(&row,
           "[\"newMessage\",{\"room\":\"r\\\"1\",\"seq\":9,\"kind\":\"system\",\"sender\":null,"
           "\"text\":\"a\\nb\",\"date\":\"" AT_TEXT "\"}]");
}

static void a_nonce_of_the_servers_is_not_shown(void **state)
{
    struct log_row row = base;
    char nonce[NONCE_SERVER_SIZE];

    (void)state;
    nonce_make(nonce);
    assert_false(nonce_is_valid(span_of(nonce), 64));
    row.message.nonce = span_of(nonce);
    expect(&row,
           "[\"newMessage\",{\"room\":\"r\\\"1\",\"seq\":9,\"kind\":\"text\",\"sender\":\"ann\","
           "\"text\":\"a\\nb\",\"date\":\"" AT_TEXT "\"}]");
}

static void an_edit_shows_the_message_as_it_is_now(void **state)
{
    struct log_row row = base;

    (void)state;
    row.seq = 12;
    row.kind = EVENT_MESSAGE_UPDATED;
    row.message.edited_us = AT + 1000;
    row.message.nonce = SPAN_NONE;
    expect(&row, "[\"messageUpdated\",{\"room\":\"r\\\"1\",\"seq\":9,\"kind\":\"text\","
                 "\"sender\":\"ann\",\"text\":\"a\\nb\",\"date\":\"" AT_TEXT "\","
                 "\"editedAt\":\"2026-11-22T18:30:00.124Z\",\"eventSeq\":12}]");
    row.kind = EVENT_MESSAGE_DELETED;
    row.message.text = SPAN_NONE;
    row.message.deleted_us = AT + 2000;
    expect(&row, "[\"messageDeleted\",{\"room\":\"r\\\"1\",\"seq\":9,\"kind\":\"text\","
                 "\"sender\":\"ann\",\"text\":\"\",\"date\":\"" AT_TEXT "\","
                 "\"editedAt\":\"2026-11-22T18:30:00.124Z\","
                 "\"deletedAt\":\"2026-11-22T18:30:00.125Z\",\"eventSeq\":12}]");
}

static void a_deleted_message_has_no_text(void **state)
{
    struct log_row row = base;

    (void)state;
    row.message.text = row.message.nonce = SPAN_NONE;
    row.message.deleted_us = AT;
    expect(&row,
           "[\"newMessage\",{\"room\":\"r\\\"1\",\"seq\":9,\"kind\":\"text\",\"sender\":\"ann\","
           "\"text\":\"\",\"date\":\"" AT_TEXT "\",\"deletedAt\":\"" AT_TEXT "\"}]");
}

static void membership_shows_its_payload_in_one_order(void **state)
{
    struct log_row row = base;

    (void)state;
    row.kind = EVENT_MEMBER_JOINED;
    row.payload = SPAN_LIT("{\"role\": \"OWNER\", \"other\": [1], \"username\": \"bob\"}");
    expect(&row, "[\"memberJoined\",{\"room\":\"r\\\"1\",\"seq\":9,\"username\":\"bob\","
                 "\"role\":\"OWNER\",\"date\":\"" AT_TEXT "\"}]");
    row.kind = EVENT_MEMBER_LEFT;
    row.payload = SPAN_LIT("{\"username\":\"bob\",\"reason\":\"spam \\u00e9\"}");
    expect(&row, "[\"memberLeft\",{\"room\":\"r\\\"1\",\"seq\":9,\"username\":\"bob\","
                 "\"reason\":\"spam \\u00e9\",\"date\":\"" AT_TEXT "\"}]");
    row.kind = EVENT_MEMBER_UPDATED;
    row.payload = SPAN_LIT("{\"username\":\"bob\",\"muted\":true,\"mutedUntil\":null}");
    expect(&row, "[\"memberUpdated\",{\"room\":\"r\\\"1\",\"seq\":9,\"username\":\"bob\","
                 "\"muted\":true,\"mutedUntil\":null,\"date\":\"" AT_TEXT "\"}]");
}

static void channels_and_custom_events(void **state)
{
    struct log_row row = base;

    (void)state;
    row.kind = EVENT_CHANNEL_UPDATED;
    row.payload = SPAN_LIT("{\"name\":\"b\",\"status\":\"PRIVATE\",\"previousName\":\"a\"}");
    expect(&row, "[\"channelUpdated\",{\"room\":\"r\\\"1\",\"seq\":9,\"name\":\"b\","
                 "\"status\":\"PRIVATE\",\"previousName\":\"a\"}]");
    row.kind = EVENT_CHANNEL_DELETED;
    row.payload = SPAN_NONE;
    expect(&row, "[\"channelDeleted\",{\"room\":\"r\\\"1\",\"seq\":9}]");
    row.kind = EVENT_CUSTOM;
    row.payload = SPAN_LIT("{\"event\":\"move\",\"json\":\"{\\\"x\\\": [1,2.0]}\"}");
    expect(&row, "[\"move\",{\"room\":\"r\\\"1\",\"seq\":9,\"data\":{\"x\": [1,2.0]},"
                 "\"date\":\"" AT_TEXT "\"}]");
    row.seq = 0; /* passing news */
    expect(&row, "[\"move\",{\"room\":\"r\\\"1\",\"data\":{\"x\": [1,2.0]}}]");
    row.log = LOG_INBOX;
    row.kind = EVENT_INBOX_CUSTOM;
    expect(&row, "[\"move\",{\"data\":{\"x\": [1,2.0]}}]");
}

static void inbox_rows_emit_little(void **state)
{
    static const enum event_kind silent[] = {EVENT_INBOX_JOINED, EVENT_INBOX_LEFT,
                                             EVENT_INBOX_SESSION_ENDED, EVENT_INBOX_BLOCKED,
                                             EVENT_INBOX_UNBLOCKED};
    struct log_row row = base;

    (void)state;
    row.log = LOG_INBOX;
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++) {
        row.kind = silent[i];
        expect(&row, NULL);
    }
    row.kind = EVENT_INBOX_DIRECT_OPENED;
    row.room_name = SPAN_LIT("ann@bob");
    expect(&row, "[\"reconnectNeeded\",{\"message\":\"A direct channel with you was opened.\","
                 "\"room\":\"ann@bob\"}]");
}

static void every_kind_can_be_rendered(void **state)
{
    static const enum event_kind kinds[] = {
#define X(name, value, wire) name,
        EVENT_KIND_TABLE(X)
#undef X
    };

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct log_row row = base;
        struct event event = {0};

        row.kind = kinds[i];
        row.log = kinds[i] >= EVENT_INBOX_JOINED ? LOG_INBOX : LOG_ROOM;
        render_to_event(&row, &event);
        assert_int_equal(event.kind, kinds[i]);
        assert_true(row.log == LOG_INBOX ? event.room_name != NULL : event.json != NULL);
        mem_free(event.json);
        mem_free(event.room_name);
    }
}

static void clients_nonces_are_visible_ascii(void **state)
{
    (void)state;
    assert_true(nonce_is_valid(SPAN_LIT("a"), 64));
    assert_true(nonce_is_valid(SPAN_LIT("~!z"), 64));
    assert_false(nonce_is_valid(SPAN_LIT(""), 64));
    assert_false(nonce_is_valid(SPAN_LIT("a b"), 64));
    assert_false(nonce_is_valid(SPAN_LIT("a\x7f"), 64));
    assert_false(nonce_is_valid(SPAN_LIT("\xc3\xa9"), 64));
    assert_true(nonce_is_valid(SPAN_LIT("1234"), 4));
    assert_false(nonce_is_valid(SPAN_LIT("12345"), 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_the_members_of_the_contract),
        cmocka_unit_test(a_nonce_of_the_servers_is_not_shown),
        cmocka_unit_test(an_edit_shows_the_message_as_it_is_now),
        cmocka_unit_test(a_deleted_message_has_no_text),
        cmocka_unit_test(membership_shows_its_payload_in_one_order),
        cmocka_unit_test(channels_and_custom_events),
        cmocka_unit_test(inbox_rows_emit_little),
        cmocka_unit_test(every_kind_can_be_rendered),
        cmocka_unit_test(clients_nonces_are_visible_ascii),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
