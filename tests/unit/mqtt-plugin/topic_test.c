/* What a device may name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/mqtt-plugin/topic.h"

static void our_topics_are_known(void **state)
{
    struct topic topic = topic_parse("parley/v1/rooms/17");

    (void)state;
    assert_int_equal(topic.kind, TOPIC_ROOM);
    assert_int_equal(topic.id, 17);
    topic = topic_parse("parley/v1/rooms/18/live");
    assert_int_equal(topic.kind, TOPIC_LIVE);
    assert_int_equal(topic.id, 18);
    topic = topic_parse("parley/v1/users/19");
    assert_int_equal(topic.kind, TOPIC_INBOX);
    topic = topic_parse("parley/v1/devices/ann.b-c_d/send");
    assert_int_equal(topic.kind, TOPIC_SEND);
    assert_true(span_is(topic.username, "ann.b-c_d"));
    topic = topic_parse("parley/v1/devices/ann/result");
    assert_int_equal(topic.kind, TOPIC_RESULT);
    assert_true(span_is(topic.username, "ann"));
}

static void nothing_else_is(void **state)
{
    static const char *const others[] = {
        "",
        "#",
        "+/+/+/+",
        "parley/v1/rooms/+",
        "parley/v1/rooms/#",
        "parley/v1/rooms/1/#",
        "parley/v1/rooms/1/+",
        "parley/v1/rooms/+/live",
        "parley/v1/rooms/1/live/",
        "parley/v1/rooms/1/live/x",
        "parley/v1/rooms/1/",
        "parley/v1/rooms/01",
        "parley/v1/rooms/-1",
        "parley/v1/rooms/0",
        "parley/v1/rooms/",
        "parley/v1/rooms//live",
        "parley/v1/rooms/1 ",
        "parley/v1/rooms/9999999999999999999",
        "parley/v1/users/1/live",
        "/parley/v1/rooms/1",
        "Parley/v1/rooms/1",
        "parley/v1/devices/ann",
        "parley/v1/devices//send",
        "parley/v1/devices/+/send",
        "parley/v1/devices/#",
        "parley/v1/devices/a/b/send",
        "parley/v1/devices/ann/send/",
        "parley/v1/brokers/all/claims",
        "parley/v1/plugin/turn",
        "parley/v1/app/move",
        "$SYS/broker/clients/connected",
        "$share/parley/parley/v1/rooms/1",
        "$share/g/parley/v1/devices/ann/send",
        "$CONTROL/dynamic-security/v1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (topic_parse(others[i]).kind != TOPIC_OTHER)
            fail_msg("%s", others[i]);
    }
}

static void a_client_id_is_its_users_own(void **state)
{
    (void)state;
    assert_true(topic_client_id_fits("ann/phone", "ann"));
    assert_true(topic_client_id_fits("ann/a/b", "ann"));
    assert_true(topic_client_id_fits("auto-4D9F8A62-0B6C-9E35-51F8-6B1A0D2C3E4F", "ann"));
    assert_false(topic_client_id_fits("ann", "ann"));
    assert_false(topic_client_id_fits("ann/", "ann"));
    assert_false(topic_client_id_fits("anna/phone", "ann"));
    assert_false(topic_client_id_fits("bob/phone", "ann"));
    assert_false(topic_client_id_fits("Ann/phone", "ann"));
    assert_false(topic_client_id_fits("", "ann"));
    assert_false(topic_client_id_fits("ann/a b", "ann"));
    assert_false(topic_client_id_fits("ann/\xc3\xa9", "ann"));
    assert_false(topic_client_id_fits("ann/+", "ann"));
    assert_false(topic_client_id_fits("ann/#", "ann"));
    assert_false(topic_client_id_fits("parley-broker-broker-1", "parley-broker-broker-1"));
    assert_false(topic_client_id_fits("parley-broker-broker-1", "ann"));
    assert_false(topic_client_id_fits("auto-", "ann"));
    assert_false(topic_client_id_fits("auto-x", "ann"));
    assert_false(topic_client_id_fits("auto-4D9F8A62-0B6C-9E35-51F8-6B1A0D2C3E4G", "ann"));
    assert_false(topic_client_id_fits("auto-4D9F8A62-0B6C-9E35-51F8-6B1A0D2C3E4F0", "ann"));
    assert_true(topic_client_id_fits("ann/"
                                     "0123456789012345678901234567890123456789012345678901234567890"
                                     "123",
                                     "ann"));
    assert_false(topic_client_id_fits("ann/"
                                      "012345678901234567890123456789012345678901234567890123456789"
                                      "01234",
                                      "ann"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_topics_are_known),
        cmocka_unit_test(nothing_else_is),
        cmocka_unit_test(a_client_id_is_its_users_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
