/* Events: names of kinds, topics, user properties there and back, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/base/mem.h"
#include "shared/chat/event.h"

static void kinds_have_names(void **state)
{
    (void)state;
    assert_string_equal(event_kind_name(EVENT_TEXT), "text");
    assert_string_equal(event_kind_name(EVENT_INBOX_JOINED), "joined");
    assert_null(event_kind_name((enum event_kind)0));
    assert_null(event_kind_name((enum event_kind)31));
    assert_true(event_kind_is_message(EVENT_SYSTEM));
    assert_false(event_kind_is_message(EVENT_MEMBER_JOINED));
}

static void topics_name_the_log(void **state)
{
    char topic[EVENT_TOPIC_SIZE];
    enum log_type log;
    int64_t id;

    (void)state;
    event_topic(LOG_ROOM, 12, topic);
    assert_string_equal(topic, "parley/v1/rooms/12");
    assert_true(event_topic_parse(span_of(topic), &log, &id));
    assert_int_equal(log, LOG_ROOM);
    assert_int_equal(id, 12);
    event_topic(LOG_INBOX, INT64_C(999999999999999999), topic);
    assert_string_equal(topic, "parley/v1/users/999999999999999999");
    assert_true(event_topic_parse(span_of(topic), &log, &id));
    assert_int_equal(log, LOG_INBOX);
    assert_int_equal(id, INT64_C(999999999999999999));
}

static void other_topics_are_refused(void **state)
{
    static const char *const topics[] = {
        "",
        "parley/v1/rooms",
        "parley/v1/rooms/",
        "parley/v1/rooms/0",
        "parley/v1/rooms/01",
        "parley/v1/rooms/-1",
        "parley/v1/rooms/+1",
        "parley/v1/rooms/1/live",
        "parley/v1/rooms/x",
        "parley/v1/rooms/1 ",
        "parley/v1/rooms/9999999999999999999",
        "parley/v1/room/1",
        "parley/v1/brokers/1",
        "/parley/v1/rooms/1",
    };
    enum log_type log;
    int64_t id;

    (void)state;
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        assert_false(event_topic_parse(span_of(topics[i]), &log, &id));
}

static void expect_same(const struct event *sent)
{
    char topic[EVENT_TOPIC_SIZE];
    struct event_props props;
    struct event got = {0};

    event_topic(sent->log, sent->log_id, topic);
    event_props_encode(sent, &props);
    assert_in_range(props.count, 2, EVENT_PROPS_MAX);
    assert_int_equal(event_decode(span_of(topic), props.names, props.values, props.count, &got),
                     ERR_OK);
    assert_int_equal(got.log, sent->log);
    assert_int_equal(got.log_id, sent->log_id);
    assert_int_equal(got.seq, sent->seq);
    assert_int_equal(got.kind, sent->kind);
    assert_int_equal(got.actor, sent->actor);
    assert_int_equal(got.author, sent->author);
    assert_int_equal(got.subject, sent->subject);
    assert_int_equal(got.room, sent->room);
    assert_int_equal(got.room_seq, sent->room_seq);
    assert_int_equal(got.session, sent->session);
    assert_null(got.json);
    if (sent->room_name)
        assert_string_equal(got.room_name, sent->room_name);
    else
        assert_null(got.room_name);
    mem_free(got.room_name);
}

static void properties_come_back_as_sent(void **state)
{
    char name[] = "r\xc3\xb6\xc3\xb6m";

    (void)state;
    expect_same(&(struct event){.log = LOG_ROOM, .log_id = 5, .seq = 1, .kind = EVENT_SYSTEM});
    expect_same(&(struct event){
        .log = LOG_ROOM, .log_id = 5, .seq = 7, .kind = EVENT_TEXT, .actor = 3, .author = 3});
    expect_same(&(struct event){.log = LOG_ROOM,
                                .log_id = 5,
                                .seq = 7,
                                .kind = EVENT_MEMBER_LEFT,
                                .actor = 3,
                                .subject = 4});
    expect_same(&(struct event){.log = LOG_INBOX,
                                .log_id = 5,
                                .seq = 7,
                                .kind = EVENT_INBOX_JOINED,
                                .actor = 3,
                                .room = 9,
                                .room_seq = 10,
                                .room_name = name});
    expect_same(&(struct event){
        .log = LOG_INBOX, .log_id = 5, .seq = 7, .kind = EVENT_INBOX_SESSION_ENDED, .session = 44});
}

static void only_what_is_set_is_sent(void **state)
{
    struct event event = {.log = LOG_ROOM, .log_id = 1, .seq = 2, .kind = EVENT_TEXT};
    struct event_props props;

    (void)state;
    event_props_encode(&event, &props);
    assert_int_equal(props.count, 2);
    assert_true(span_is(props.names[0], "kind"));
    assert_true(span_is(props.values[0], "text"));
    assert_true(span_is(props.names[1], "seq"));
    assert_true(span_is(props.values[1], "2"));
}

static enum err decode(const char *topic, const char *const *pairs)
{
    struct span names[EVENT_PROPS_MAX], values[EVENT_PROPS_MAX];
    struct event event = {0};
    enum err err;
    int count = 0;

    for (; pairs[0]; pairs += 2) {
        names[count] = span_of(pairs[0]);
        values[count++] = span_of(pairs[1]);
    }
    err = event_decode(span_of(topic), names, values, count, &event);
    event_release(&event);
    return err;
}

#define DECODE(topic, ...) decode(topic, (const char *const[]){__VA_ARGS__, NULL})

static void what_is_not_ours_is_refused(void **state)
{
    (void)state;
    assert_int_equal(DECODE("parley/v1/rooms/1", "seq", "1", "kind", "text", "later", "x"), ERR_OK);
    assert_int_equal(DECODE("other", "seq", "1", "kind", "text"), ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/rooms/1", "seq", "1"), ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/rooms/1", "kind", "text"), ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/rooms/1", "seq", "0", "kind", "text"), ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/rooms/1", "seq", "1x", "kind", "text"), ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/rooms/1", "seq", "", "kind", "text"), ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/rooms/1", "seq", "1", "kind", "TEXT"), ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/rooms/1", "seq", "1", "kind", "joined"), ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/users/1", "seq", "1", "kind", "text"), ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/users/1", "seq", "1", "kind", "joined", "room", "-5"),
                     ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/users/1", "roomName", "a", "roomName", "b", "seq", "x"),
                     ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/rooms/1/other", "kind", "typing"), ERR_SYNTAX);
}

static void news_have_no_seq(void **state)
{
    struct event typing = {.log = LOG_ROOM, .log_id = 5, .kind = EVENT_TYPING};
    char topic[EVENT_TOPIC_SIZE];

    (void)state;
    event_topic_of(&typing, topic);
    assert_string_equal(topic, "parley/v1/rooms/5/live");
    assert_int_equal(event_qos(&typing), 0);
    typing.seq = 1;
    event_topic_of(&typing, topic);
    assert_string_equal(topic, "parley/v1/rooms/5");
    assert_int_equal(event_qos(&typing), 1);
    assert_int_equal(DECODE("parley/v1/rooms/1/live", "kind", "typing", "author", "3"), ERR_OK);
    assert_int_equal(DECODE("parley/v1/rooms/1/live", "kind", "custom"), ERR_OK);
    assert_int_equal(DECODE("parley/v1/users/1/live", "kind", "inboxCustom"), ERR_OK);
    assert_int_equal(DECODE("parley/v1/rooms/1/live", "kind", "custom", "seq", "4"), ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/rooms/1/live", "kind", "text"), ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/users/1/live", "kind", "joined"), ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/rooms/1", "kind", "typing", "seq", "4"), ERR_SYNTAX);
    assert_int_equal(DECODE("parley/v1/rooms/1/live", "except", "1 2", "kind", "x"), ERR_SYNTAX);
}

static void lists_own_their_events(void **state)
{
    struct event_list list;

    (void)state;
    event_list_init(&list);
    for (int i = 0; i < 100; i++) {
        struct event *event = event_list_add(&list);

        assert_int_equal(event->seq, 0);
        event->seq = i;
        event->json = mem_strdup("[]");
        event->room_name = mem_strdup("room");
    }
    assert_int_equal(list.count, 100);
    assert_int_equal(list.items[99].seq, 99);
    event_list_release(&list);
    assert_int_equal(list.count, 0);
    event_list_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_have_names),         cmocka_unit_test(topics_name_the_log),
        cmocka_unit_test(other_topics_are_refused), cmocka_unit_test(properties_come_back_as_sent),
        cmocka_unit_test(only_what_is_set_is_sent), cmocka_unit_test(what_is_not_ours_is_refused),
        cmocka_unit_test(lists_own_their_events),   cmocka_unit_test(news_have_no_seq),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
