/*
 * The log's lines, read back from a pipe in the place of standard error.
 */
#include "shared/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/json_scan.h"

static char captured[1 << 16];

/* What `fn` writes to standard error. */
static const char *capture(void (*fn)(void))
{
    int ends[2], saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, 1 << 16), 1 << 16);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    fn();
    dup2(saved, STDERR_FILENO);
    close(saved);
    size_t len = 0;
    for (ssize_t got; (got = read(ends[0], captured + len, sizeof captured - 1 - len)) > 0;)
        len += (size_t)got;
    captured[len] = '\0';
    close(ends[0]);
    return captured;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no <%s> in <%s>", part, text);
}

static void one_event(void)
{
    log_event(LOG_WARN, "mqtt_lost", "host=%s code=%d", "127.0.0.1", 7);
}

static void lines_are_key_and_value(void **state)
{
    (void)state;
    log_open("parley-test", LOG_INFO, false);
    const char *line = capture(one_event);
    assert_memory_equal(line, "time=20", 7);
    assert_has(line, "Z level=warn component=parley-test pid=");
    assert_has(line, " event=mqtt_lost host=127.0.0.1 code=7\n");
    assert_int_equal(strchr(line, '\n') - line, strlen(line) - 1);
}

static void bare_event(void)
{
    log_event(LOG_INFO, "ready", "%s", "");
}

static void an_event_may_stand_alone(void **state)
{
    (void)state;
    log_open("parley-test", LOG_INFO, false);
    assert_has(capture(bare_event), " event=ready\n");
}

static void rich_event(void)
{
    log_event(LOG_ERROR, "db_failed",
              "room=%d reason=\"%s\" took=1.5 id=007 word quoted=\"a\" empty= last=\"x y\"", 12,
              "relation \"x\" does not exist");
}

static void json_has_a_member_for_each_pair(void **state)
{
    (void)state;
    log_open("parley-test", LOG_INFO, true);
    char *line = (char *)capture(rich_event);
    assert_int_equal(line[strlen(line) - 1], '\n');
    assert_int_equal(json_scan(span_of(line), 4), ERR_OK);
    struct span object = span_of(line);
    assert_true(span_is(json_member(object, "level"), "\"error\""));
    assert_true(span_is(json_member(object, "component"), "\"parley-test\""));
    assert_true(span_is(json_member(object, "event"), "\"db_failed\""));
    assert_true(span_is(json_member(object, "room"), "12"));
    assert_true(span_is(json_member(object, "reason"), "\"relation \\\"x\\\" does not exist\""));
    assert_true(span_is(json_member(object, "took"), "1.5"));
    assert_true(span_is(json_member(object, "id"), "\"007\""));
    assert_true(span_is(json_member(object, "word"), "true"));
    assert_true(span_is(json_member(object, "quoted"), "\"a\""));
    assert_true(span_is(json_member(object, "empty"), "\"\""));
    assert_true(span_is(json_member(object, "last"), "\"x y\""));
    assert_true(span_present(json_member(object, "time")));
    assert_true(json_type_of(json_member(object, "pid")) == JSON_NUMBER);
}

static void hostile_event(void)
{
    log_event(LOG_INFO, "hostile", "a=%s open=\"%s", "x\nlevel=error\x1b[31m\xff\xc3\xa9",
              "no end");
}

static void nobody_begins_a_line_of_their_own(void **state)
{
    (void)state;
    log_open("parley-test", LOG_INFO, false);
    const char *line = capture(hostile_event);
    assert_has(line, " a=x level=error [31m?\xc3\xa9 ");
    assert_int_equal(strchr(line, '\n') - line, strlen(line) - 1);
    log_open("parley-test", LOG_INFO, true);
    assert_int_equal(json_scan(span_of(capture(hostile_event)), 4), ERR_OK);
}

static void long_event(void)
{
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_event(LOG_INFO, "long", "text=%s", text);
}

static void a_cut_line_says_so(void **state)
{
    (void)state;
    log_open("parley-test", LOG_INFO, false);
    const char *line = capture(long_event);
    assert_true(strlen(line) < 4096); /* PIPE_BUF: written whole */
    assert_has(line, "xxx cut=true\n");
}

static void events_of_all_levels(void)
{
    log_event(LOG_DEBUG, "d", "%s", "");
    log_event(LOG_INFO, "i", "%s", "");
    log_event(LOG_WARN, "w", "%s", "");
    log_event(LOG_ERROR, "e", "%s", "");
}

static int count_lines(const char *text)
{
    int count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static void the_level_decides(void **state)
{
    (void)state;
    log_open("parley-test", LOG_DEBUG, false);
    assert_int_equal(count_lines(capture(events_of_all_levels)), 4);
    log_set_level(LOG_WARN);
    assert_int_equal(count_lines(capture(events_of_all_levels)), 2);
    log_set_level(LOG_ERROR);
    assert_int_equal(count_lines(capture(events_of_all_levels)), 1);
}

static void level_names_are_parsed(void **state)
{
    enum log_level level = LOG_ERROR;
    (void)state;
    assert_int_equal(log_level_parse("debug", &level), ERR_OK);
    assert_int_equal(level, LOG_DEBUG);
    assert_int_equal(log_level_parse("error", &level), ERR_OK);
    assert_int_equal(level, LOG_ERROR);
    assert_int_equal(log_level_parse("ERROR", &level), ERR_VALIDATION_FAILED);
    assert_int_equal(log_level_parse("", &level), ERR_VALIDATION_FAILED);
}

static void *write_fifty(void *arg)
{
    for (int i = 0; i < 50; i++)
        log_event(LOG_INFO, "thread", "n=%d text=%s", i, (const char *)arg);
    return NULL;
}

static void from_four_threads(void)
{
    static char texts[4][60];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        memset(texts[i], 'a' + i, sizeof texts[i] - 1);
        pthread_create(&threads[i], NULL, write_fifty, texts[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static void lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    log_open("t", LOG_INFO, false);
    char *text = (char *)capture(from_four_threads);
    assert_int_equal(count_lines(text), 200);
    for (char *line = text; *line; line = strchr(line, '\n') + 1) {
        assert_memory_equal(line, "time=", 5);
        const char *value = strstr(line, "text=") + 5;
        assert_int_equal(strspn(value, (char[]){value[0], '\0'}), 59);
        assert_int_equal(value[59], '\n');
    }
}

static void with_a_context(void)
{
    const struct log_context context = {.request = "abc", .connection = 5, .user = 7};
    char text[3000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_set_context(&context);
    log_event(LOG_INFO, "a", "n=%d", 1);
    log_event(LOG_INFO, "b", "%s", "");
    log_event(LOG_INFO, "c", "user=%d x_connection=1", 9);
    log_event(LOG_INFO, "long", "text=%s", text);
    log_set_context(&(const struct log_context){.user = 8});
    log_event(LOG_INFO, "d", "n=%d", 1);
    log_set_context(NULL);
    log_event(LOG_INFO, "e", "n=%d", 1);
}

static void a_context_is_in_every_line(void **state)
{
    const char *lines;

    (void)state;
    log_open("parley-test", LOG_INFO, false);
    lines = capture(with_a_context);
    assert_has(lines, " event=a request=abc connection=5 user=7 n=1\n");
    assert_has(lines, " event=b request=abc connection=5 user=7\n");
    assert_has(lines, " event=c request=abc connection=5 user=9 x_connection=1\n");
    assert_has(lines, " event=long request=abc connection=5 user=7 text=xxx");
    assert_has(lines, "xxx cut=true\n");
    assert_has(lines, " event=d user=8 n=1\n");
    assert_has(lines, " event=e n=1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_key_and_value),
        cmocka_unit_test(an_event_may_stand_alone),
        cmocka_unit_test(json_has_a_member_for_each_pair),
        cmocka_unit_test(nobody_begins_a_line_of_their_own),
        cmocka_unit_test(a_cut_line_says_so),
        cmocka_unit_test(the_level_decides),
        cmocka_unit_test(level_names_are_parsed),
        cmocka_unit_test(lines_of_threads_do_not_mix),
        cmocka_unit_test(a_context_is_in_every_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
