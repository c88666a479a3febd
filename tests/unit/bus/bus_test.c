/*
 * shared/bus against a real mosquitto of its own (tests/lib/mosquitto.sh starts it, and this
 * program through it): what is said comes back with its properties, what is lost is refused, and
 * a killed MQTT broker is only an interruption.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/bus/bus.h"

#define PATIENCE_MS 15000

/* A bus with the little loop that its contract asks of its owner, and what it reported. */
struct peer {
    struct bus *bus;
    int event_fd;
    int ups, downs;
    int suback_id;
    bool suback_granted;
    int received;
    char topic[128];
    char payload[256];
    char names[BUS_PROPS_MAX][64];
    char values[BUS_PROPS_MAX][64];
    int prop_count;
    bool retained;
    bool echo; /* publish from inside the message callback */
};

static void copy(char *out, size_t size, struct span from)
{
    size_t len = from.len < size - 1 ? from.len : size - 1;

    memcpy(out, from.ptr, len);
    out[len] = '\0';
}

static void peer_state(void *app, bool connected)
{
    struct peer *peer = app;

    *(connected ? &peer->ups : &peer->downs) += 1;
}

static void peer_message(void *app, const struct bus_message *message)
{
    struct peer *peer = app;

    peer->received++;
    copy(peer->topic, sizeof peer->topic, message->topic);
    copy(peer->payload, sizeof peer->payload, message->payload);
    peer->prop_count = message->prop_count;
    peer->retained = message->retained;
    for (int i = 0; i < message->prop_count; i++) {
        copy(peer->names[i], sizeof peer->names[i], message->props[i].name);
        copy(peer->values[i], sizeof peer->values[i], message->props[i].value);
    }
    if (peer->echo)
        assert_int_equal(bus_publish(peer->bus, "echo", message->payload, NULL, 0, 1), ERR_OK);
}

static void peer_subscribed(void *app, int id, bool granted)
{
    struct peer *peer = app;

    peer->suback_id = id;
    peer->suback_granted = granted;
}

static void peer_wake(void *app)
{
    struct peer *peer = app;
    uint64_t one = 1;

    assert_int_equal(write(peer->event_fd, &one, sizeof one), sizeof one);
}

static const struct bus_handlers handlers = {peer_state, peer_message, peer_subscribed, peer_wake};

static struct bus_options options_for(const char *client_id)
{
    const char *port = getenv("MOSQUITTO_PORT");

    return (struct bus_options){.host = "127.0.0.1",
                                .port = (int)strtol(port ? port : "0", NULL, 10),
                                .username = getenv("MOSQUITTO_USERNAME"),
                                .password = getenv("MOSQUITTO_PASSWORD"),
                                .client_id = client_id,
                                .keepalive_s = 20,
                                .inflight = 4};
}

static void peer_turn(struct peer *peer)
{
    struct pollfd fds[2] = {{.fd = peer->event_fd, .events = POLLIN},
                            {.fd = bus_fd(peer->bus), .events = POLLIN}};
    uint64_t ignored;

    if (bus_wants_write(peer->bus))
        fds[1].events |= POLLOUT;
    poll(fds, 2, 5);
    if (fds[0].revents)
        assert_int_equal(read(peer->event_fd, &ignored, sizeof ignored), sizeof ignored);
    if (fds[1].revents)
        bus_ready(peer->bus, fds[1].revents & ~POLLOUT, fds[1].revents & POLLOUT);
    bus_tick(peer->bus);
}

/* Run the loops of one or two peers until `condition`; fails the test when patience ends. */
#define PUMP(a, b, condition)                                                                      \
    do {                                                                                           \
        struct peer *pump_b = (b);                                                                 \
        int64_t pump_until = clock_mono_ms() + PATIENCE_MS;                                        \
        while (!(condition)) {                                                                     \
            assert_true(clock_mono_ms() < pump_until);                                             \
            peer_turn(a);                                                                          \
            if (pump_b)                                                                            \
                peer_turn(pump_b);                                                                 \
        }                                                                                          \
    } while (0)

static void peer_open_as(struct peer *peer, const struct bus_options *options)
{
    *peer = (struct peer){.event_fd = eventfd(0, EFD_NONBLOCK)};
    peer->bus = bus_new(options, &handlers, peer);
}

static void peer_open(struct peer *peer, const char *client_id)
{
    struct bus_options options = options_for(client_id);

    peer_open_as(peer, &options);
    PUMP(peer, NULL, peer->ups == 1);
    assert_true(bus_is_connected(peer->bus));
}

static void peer_close(struct peer *peer)
{
    bus_free(peer->bus);
    close(peer->event_fd);
}

static void peer_subscribe(struct peer *peer, const char *topic, int flags)
{
    int id = -1;

    peer->suback_id = -1;
    assert_int_equal(bus_subscribe(peer->bus, &topic, 1, 1, flags, &id), ERR_OK);
    PUMP(peer, NULL, peer->suback_id != -1);
    assert_int_equal(peer->suback_id, id);
    assert_true(peer->suback_granted);
}

static void publish_ok(struct peer *peer, const char *topic, const char *payload)
{
    assert_int_equal(bus_publish(peer->bus, topic, span_of(payload), NULL, 0, 1), ERR_OK);
}

static void mosquitto(const char *verb)
{
    const char *srcdir = getenv("srcdir");
    char script[1024];

    snprintf(script, sizeof script, "%s/tests/lib/mosquitto.sh", srcdir ? srcdir : ".");
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", script, verb, getenv("MOSQUITTO_DIR"), (char *)NULL);
        _exit(127);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- tests ---- */

static void test_message_and_properties_come_through(void **state)
{
    struct peer a, b;
    const struct bus_prop props[] = {{SPAN_LIT("seq"), SPAN_LIT("17")},
                                     {SPAN_LIT("kind"), SPAN_LIT("text")},
                                     {SPAN_LIT("empty"), SPAN_LIT("")},
                                     {SPAN_LIT("room"), SPAN_LIT("ü 🙂")}};

    (void)state;
    peer_open(&a, "roundtrip-a");
    peer_open(&b, "roundtrip-b");
    peer_subscribe(&b, "parley/v1/rooms/7", 0);
    assert_int_equal(
        bus_publish(a.bus, "parley/v1/rooms/7", SPAN_LIT("[\"newMessage\",{}]"), props, 4, 1),
        ERR_OK);
    assert_int_equal(bus_inflight(a.bus), 1);
    PUMP(&a, &b, b.received == 1 && bus_inflight(a.bus) == 0);
    assert_string_equal(b.topic, "parley/v1/rooms/7");
    assert_string_equal(b.payload, "[\"newMessage\",{}]");
    assert_false(b.retained);
    assert_int_equal(b.prop_count, 4);
    for (int i = 0; i < 4; i++) {
        assert_true(span_is(props[i].name, b.names[i]));
        assert_true(span_is(props[i].value, b.values[i]));
    }
    peer_close(&a);
    peer_close(&b);
}

static void test_more_properties_than_fit_are_dropped(void **state)
{
    struct bus_prop props[BUS_PROPS_MAX + 3];
    struct peer a;

    (void)state;
    for (int i = 0; i < BUS_PROPS_MAX + 3; i++)
        props[i] = (struct bus_prop){SPAN_LIT("n"), SPAN_LIT("v")};
    peer_open(&a, "many-props");
    peer_subscribe(&a, "many", 0);
    assert_int_equal(bus_publish(a.bus, "many", SPAN_LIT(""), props, BUS_PROPS_MAX + 3, 0), ERR_OK);
    PUMP(&a, NULL, a.received == 1);
    assert_int_equal(a.prop_count, BUS_PROPS_MAX);
    assert_string_equal(a.payload, "");
    peer_close(&a);
}

static void test_no_local_is_per_subscription(void **state)
{
    struct peer a, b;

    (void)state;
    peer_open(&a, "local-a");
    peer_open(&b, "local-b");
    peer_subscribe(&a, "mine", BUS_NO_LOCAL);
    peer_subscribe(&a, "probe", 0);
    publish_ok(&a, "mine", "from myself");
    publish_ok(&a, "probe", "from myself");
    PUMP(&a, &b, a.received == 1);
    assert_string_equal(a.topic, "probe");
    publish_ok(&b, "mine", "from the other");
    PUMP(&a, &b, a.received == 2);
    assert_string_equal(a.payload, "from the other");
    peer_close(&a);
    peer_close(&b);
}

static void test_several_topics_one_suback_and_unsubscribe(void **state)
{
    const char *topics[] = {"one", "two", "three/#"};
    struct peer a;
    int id;

    (void)state;
    peer_open(&a, "several");
    assert_int_equal(bus_subscribe(a.bus, topics, 3, 0, 0, &id), ERR_OK);
    PUMP(&a, NULL, a.suback_id == id);
    publish_ok(&a, "one", "1");
    publish_ok(&a, "three/x/y", "3");
    PUMP(&a, NULL, a.received == 2);
    assert_int_equal(bus_unsubscribe(a.bus, topics, 1), ERR_OK);
    publish_ok(&a, "one", "gone");
    publish_ok(&a, "two", "2");
    PUMP(&a, NULL, a.received == 3);
    assert_string_equal(a.topic, "two");
    peer_close(&a);
}

static void test_publish_from_the_callback_is_sent(void **state)
{
    struct peer a, b;

    (void)state;
    peer_open(&a, "echo-a");
    peer_open(&b, "echo-b");
    peer_subscribe(&a, "say", 0);
    peer_subscribe(&b, "echo", 0);
    a.echo = true;
    publish_ok(&b, "say", "hello");
    PUMP(&a, &b, b.received == 1);
    assert_string_equal(b.payload, "hello");
    PUMP(&a, &b, bus_inflight(a.bus) == 0 && bus_inflight(b.bus) == 0);
    peer_close(&a);
    peer_close(&b);
}

static void test_refuses_over_inflight(void **state)
{
    struct peer a;

    (void)state;
    peer_open(&a, "inflight");
    for (int i = 0; i < 4; i++)
        publish_ok(&a, "x", "y");
    assert_int_equal(bus_publish(a.bus, "x", SPAN_LIT("y"), NULL, 0, 1), ERR_FULL);
    assert_int_equal(bus_inflight(a.bus), 4);
    PUMP(&a, NULL, bus_inflight(a.bus) == 0);
    publish_ok(&a, "x", "y");
    peer_close(&a);
}

static void test_a_bad_topic_is_an_error_and_nothing_else(void **state)
{
    struct peer a;

    (void)state;
    peer_open(&a, "bad-topic");
    assert_int_equal(bus_publish(a.bus, "no/#/wildcards", SPAN_LIT("y"), NULL, 0, 1), ERR_IO);
    assert_int_equal(bus_inflight(a.bus), 0);
    publish_ok(&a, "x", "y");
    PUMP(&a, NULL, bus_inflight(a.bus) == 0);
    peer_close(&a);
}

static void test_killed_broker_is_reported_refused_and_found_again(void **state)
{
    const char *topic = "after";
    struct peer a;
    int id;

    (void)state;
    peer_open(&a, "killed");
    peer_subscribe(&a, topic, 0);
    publish_ok(&a, "x", "never acknowledged, perhaps");
    mosquitto("kill");
    PUMP(&a, NULL, a.downs == 1);
    assert_false(bus_is_connected(a.bus));
    assert_int_equal(bus_fd(a.bus), -1);
    assert_int_equal(bus_inflight(a.bus), 0);
    assert_int_equal(bus_publish(a.bus, topic, SPAN_LIT("y"), NULL, 0, 1), ERR_FULL);
    assert_int_equal(bus_subscribe(a.bus, &topic, 1, 0, 0, &id), ERR_UNAVAILABLE);
    assert_int_equal(bus_unsubscribe(a.bus, &topic, 1), ERR_UNAVAILABLE);

    /* Attempts meanwhile are no state changes. */
    int64_t until = clock_mono_ms() + 1000;
    PUMP(&a, NULL, clock_mono_ms() >= until);
    assert_int_equal(a.downs, 1);
    mosquitto("start");
    PUMP(&a, NULL, a.ups == 2);
    peer_subscribe(&a, topic, 0); /* clean start: the old subscription is gone */
    publish_ok(&a, topic, "again");
    PUMP(&a, NULL, a.received == 1);
    assert_string_equal(a.payload, "again");
    assert_int_equal(a.downs, 1);
    peer_close(&a);
}

static void test_wrong_password_never_connects(void **state)
{
    struct bus_options options = options_for("intruder");
    int64_t until = clock_mono_ms() + 700;
    struct peer a;

    (void)state;
    options.password = "wrong";
    peer_open_as(&a, &options);
    PUMP(&a, NULL, clock_mono_ms() >= until);
    assert_int_equal(a.ups, 0);
    assert_int_equal(a.downs, 0);
    peer_close(&a);
}

/* An address that never answers (a full backlog): the owner's thread must not wait for it. */
static void test_connecting_does_not_block_and_may_be_abandoned(void **state)
{
    struct bus_options options = options_for("nowhere");
    struct peer a;

    (void)state;
    options.host = "192.0.2.1"; /* RFC 5737: documentation only */
    int64_t before = clock_mono_ms();
    peer_open_as(&a, &options);
    for (int i = 0; i < 5; i++)
        peer_turn(&a);
    peer_close(&a);
    assert_true(clock_mono_ms() - before < 1000);
}

static void test_a_path_is_a_unix_socket(void **state)
{
    struct bus_options options = options_for("by path");
    struct sockaddr_un address = {0};
    socklen_t size = sizeof address;
    struct peer a;
    char path[256];

    (void)state;
    snprintf(path, sizeof path, "%s/socket", getenv("MOSQUITTO_DIR"));
    options.host = path;
    options.port = 1; /* of no account */
    peer_open_as(&a, &options);
    PUMP(&a, NULL, a.ups == 1);
    assert_int_equal(getpeername(bus_fd(a.bus), (struct sockaddr *)&address, &size), 0);
    assert_int_equal(address.sun_family, AF_UNIX);
    assert_int_equal(bus_publish(a.bus, "t/path", SPAN_LIT("1"), NULL, 0, 1), ERR_OK);
    PUMP(&a, NULL, bus_inflight(a.bus) == 0);
    peer_close(&a);

    options.host = "/nobody/listens/here";
    peer_open_as(&a, &options);
    for (int i = 0; i < 20; i++)
        peer_turn(&a);
    assert_false(bus_is_connected(a.bus));
    peer_close(&a);
}

static void test_works_with_descriptors_past_1024(void **state)
{
    struct rlimit limit;
    struct peer a;
    int fillers[1200], count = 0;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 2048)
        skip();
    while (count < 1200)
        fillers[count++] = open("/dev/null", O_RDONLY);
    peer_open(&a, "far-descriptor");
    assert_true(bus_fd(a.bus) > 1024);
    peer_subscribe(&a, "far", 0);
    publish_ok(&a, "far", "away");
    PUMP(&a, NULL, a.received == 1);
    mosquitto("kill");
    PUMP(&a, NULL, a.downs == 1);
    mosquitto("start");
    PUMP(&a, NULL, a.ups == 2);
    assert_true(bus_fd(a.bus) > 1024);
    peer_close(&a);
    while (count > 0)
        close(fillers[--count]);
}

static void wait_thread(struct bus_thread *thread, bool connected)
{
    int64_t until = clock_mono_ms() + PATIENCE_MS;

    while (bus_thread_is_connected(thread) != connected) {
        assert_true(clock_mono_ms() < until);
        poll(NULL, 0, 5);
    }
}

static void test_thread_publishes_and_flushes(void **state)
{
    struct bus_options options = options_for("thread");
    const struct bus_prop prop = {SPAN_LIT("seq"), SPAN_LIT("9")};
    struct bus_thread *thread = bus_thread_new(&options, 100);
    struct peer a;

    (void)state;
    peer_open(&a, "thread-listener");
    peer_subscribe(&a, "t", 0);
    wait_thread(thread, true);
    for (int i = 0; i < 100; i++) { /* far over `inflight`: the queue holds what must wait */
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(bus_thread_publish(thread, "t", span_of(text), &prop, 1, 1), ERR_OK);
    }
    bus_thread_free(thread);
    PUMP(&a, NULL, a.received == 100);
    assert_string_equal(a.payload, "99");
    assert_string_equal(a.names[0], "seq");
    assert_string_equal(a.values[0], "9");
    peer_close(&a);
}

static void test_thread_keeps_what_is_published_before_it_is_connected(void **state)
{
    struct bus_options options = options_for("thread-keeps");
    struct peer a;

    (void)state;
    options.keep_first = true;
    peer_open(&a, "keeps-listener");
    peer_subscribe(&a, "t", 0);
    struct bus_thread *thread = bus_thread_new(&options, 100);
    for (int i = 0; i < 20; i++)
        assert_int_equal(bus_thread_publish(thread, "t", SPAN_LIT("x"), NULL, 0, 1), ERR_OK);
    bus_thread_free(thread);
    PUMP(&a, NULL, a.received == 20);
    peer_close(&a);

    options.host = "192.0.2.1"; /* RFC 5737: documentation only */
    int64_t before = clock_mono_ms();
    thread = bus_thread_new(&options, 1);
    assert_int_equal(bus_thread_publish(thread, "t", SPAN_LIT("x"), NULL, 0, 1), ERR_OK);
    assert_int_equal(bus_thread_publish(thread, "t", SPAN_LIT("x"), NULL, 0, 1), ERR_FULL);
    bus_thread_free(thread);
    assert_true(clock_mono_ms() - before < PATIENCE_MS);
}

static void test_thread_refuses_when_full_or_not_connected(void **state)
{
    struct bus_options options = options_for("thread-full");
    struct bus_thread *thread = bus_thread_new(&options, 3);
    int full = 0;

    (void)state;
    wait_thread(thread, true);
    for (int i = 0; i < 5000; i++)
        full += bus_thread_publish(thread, "t", SPAN_LIT("x"), NULL, 0, 1) == ERR_FULL;
    assert_true(full > 0);
    mosquitto("kill");
    wait_thread(thread, false);
    assert_int_equal(bus_thread_publish(thread, "t", SPAN_LIT("x"), NULL, 0, 1), ERR_FULL);
    mosquitto("start");
    wait_thread(thread, true);
    int64_t until = clock_mono_ms() + PATIENCE_MS;
    while (bus_thread_publish(thread, "t", SPAN_LIT("x"), NULL, 0, 1) != ERR_OK) {
        assert_true(clock_mono_ms() < until);
        poll(NULL, 0, 5);
    }
    bus_thread_free(thread);
}

static void test_a_probe_goes_through_or_not(void **state)
{
    struct bus_options options = options_for("thread-probe");
    struct bus_thread *thread = bus_thread_new(&options, 100);

    (void)state;
    wait_thread(thread, true);
    assert_true(bus_thread_probe(thread, PATIENCE_MS));
    assert_true(bus_thread_probe(thread, 0)); /* that of a moment ago */
    mosquitto("kill");
    wait_thread(thread, false);
    assert_false(bus_thread_probe(thread, PATIENCE_MS));
    mosquitto("start");
    wait_thread(thread, true);
    assert_true(bus_thread_probe(thread, PATIENCE_MS));
    bus_thread_free(thread);
}

static int exec_with_mosquitto(char *self)
{
    const char *srcdir = getenv("srcdir");
    char script[1024];

    snprintf(script, sizeof script, "%s/tests/lib/mosquitto.sh", srcdir ? srcdir : ".");
    execl("/bin/sh", "sh", script, "run", self, (char *)NULL);
    perror("mosquitto.sh");
    return 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_and_properties_come_through),
        cmocka_unit_test(test_more_properties_than_fit_are_dropped),
        cmocka_unit_test(test_no_local_is_per_subscription),
        cmocka_unit_test(test_several_topics_one_suback_and_unsubscribe),
        cmocka_unit_test(test_publish_from_the_callback_is_sent),
        cmocka_unit_test(test_refuses_over_inflight),
        cmocka_unit_test(test_a_bad_topic_is_an_error_and_nothing_else),
        cmocka_unit_test(test_killed_broker_is_reported_refused_and_found_again),
        cmocka_unit_test(test_wrong_password_never_connects),
        cmocka_unit_test(test_connecting_does_not_block_and_may_be_abandoned),
        cmocka_unit_test(test_a_path_is_a_unix_socket),
        cmocka_unit_test(test_works_with_descriptors_past_1024),
        cmocka_unit_test(test_thread_publishes_and_flushes),
        cmocka_unit_test(test_thread_keeps_what_is_published_before_it_is_connected),
        cmocka_unit_test(test_thread_refuses_when_full_or_not_connected),
        cmocka_unit_test(test_a_probe_goes_through_or_not),
    };

    (void)argc;
    if (!getenv("MOSQUITTO_PORT"))
        return exec_with_mosquitto(argv[0]);
    signal(SIGPIPE, SIG_IGN);
    log_open("bus_test", LOG_ERROR, false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
