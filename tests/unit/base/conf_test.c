/*
 * Configuration: files good and bad, the environment, and the sample file.
 * With UPDATE_SAMPLE=1 the sample file is written instead of compared.
 */
#include "shared/base/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/parley-conf-XXXXXX";

static int make_path(void **state)
{
    int fd = mkstemp(path);
    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static enum err load_bytes(const char *bytes, size_t len, struct conf **conf, struct buf *problem)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    buf_init(problem, 1 << 16);
    buf_add_str(problem, "");
    return conf_load(path, conf, problem);
}

static struct conf *load(const char *text)
{
    struct conf *conf = NULL;
    struct buf problem;
    if (load_bytes(text, strlen(text), &conf, &problem) != ERR_OK)
        fail_msg("%s", problem.data);
    assert_string_equal(problem.data, "");
    buf_release(&problem);
    return conf;
}

/* Loading must fail with this sentence, after the file's name. */
static void refuses_bytes(const char *bytes, size_t len, const char *expected)
{
    struct conf *conf = NULL;
    struct buf problem;
    assert_int_equal(load_bytes(bytes, len, &conf, &problem), ERR_VALIDATION_FAILED);
    assert_null(conf);
    size_t prefix = strlen(path);
    assert_true(problem.len > prefix);
    assert_memory_equal(problem.data, path, prefix);
    assert_string_equal(problem.data + prefix, expected);
    buf_release(&problem);
}

static void refuses(const char *text, const char *expected)
{
    refuses_bytes(text, strlen(text), expected);
}

static void without_a_file_all_is_default(void **state)
{
    struct conf *conf = NULL;
    struct buf problem;
    (void)state;
    buf_init(&problem, 1000);
    assert_int_equal(conf_load(NULL, &conf, &problem), ERR_OK);
    assert_int_equal(conf_int(conf, CONF_LIMIT_PAGE), 100);
    assert_string_equal(conf_str(conf, CONF_AUTH_ISSUER), "parley");
    assert_string_equal(conf_str(conf, CONF_AUTH_SECRET), "");
    assert_false(conf_bool(conf, CONF_LOG_JSON));
    assert_true(conf_int(conf, CONF_LIMIT_PROCESS_OUTPUT_BYTES) == 268435456);
    conf_free(conf);
    conf_free(NULL);
    buf_release(&problem);
}

static void a_file_sets_values(void **state)
{
    (void)state;
    struct conf *conf = load("# comment\n"
                             "; another\n"
                             "\n"
                             "[limits]\n"
                             "page = 20\n"
                             "  queue=7  \n"
                             "[log]\n"
                             "json = yes\r\n"
                             "level = debug\n"
                             "[limits]\n"
                             "process_output_bytes = 1099511627776\n"
                             "page: 30");
    assert_int_equal(conf_int(conf, CONF_LIMIT_PAGE), 30); /* the last one counts */
    assert_int_equal(conf_int(conf, CONF_LIMIT_QUEUE), 7);
    assert_true(conf_bool(conf, CONF_LOG_JSON));
    assert_string_equal(conf_str(conf, CONF_LOG_LEVEL), "debug");
    assert_true(conf_int(conf, CONF_LIMIT_PROCESS_OUTPUT_BYTES) == 1099511627776);
    conf_free(conf);
}

static void values_keep_what_looks_like_a_comment(void **state)
{
    (void)state;
    struct conf *conf = load("[pg]\n"
                             "conninfo = host=/run dbname=x password='a ; b # c' ; user=y\n"
                             "[mqtt]\n"
                             "password = #;\"quoted\" = [x]\n"
                             "username =\n");
    assert_string_equal(conf_str(conf, CONF_PG_CONNINFO),
                        "host=/run dbname=x password='a ; b # c' ; user=y");
    assert_string_equal(conf_str(conf, CONF_MQTT_PASSWORD), "#;\"quoted\" = [x]");
    assert_string_equal(conf_str(conf, CONF_MQTT_USERNAME), "");
    conf_free(conf);
}

static void indented_lines_are_lines(void **state)
{
    (void)state;
    struct conf *conf = load("[auth]\n issuer = a\n\t# comment\n  [limits]\n   page = 9\n");
    assert_string_equal(conf_str(conf, CONF_AUTH_ISSUER), "a");
    assert_int_equal(conf_int(conf, CONF_LIMIT_PAGE), 9);
    conf_free(conf);
}

static void values_may_be_long(void **state)
{
    static const size_t lengths[] = {150, 190, 199, 200, 201, 4000, 8150};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char secret[8200], text[8400];
        memset(secret, 's', lengths[i]);
        secret[lengths[i] - 1] = 'e';
        secret[lengths[i]] = '\0';
        snprintf(text, sizeof text, "[auth]\nsecret = %s\n[limits]\npage = 8\n", secret);
        struct conf *conf = load(text);
        assert_string_equal(conf_str(conf, CONF_AUTH_SECRET), secret);
        assert_int_equal(conf_int(conf, CONF_LIMIT_PAGE), 8);
        conf_free(conf);
    }
}

static void lines_too_long_are_refused_not_cut(void **state)
{
    char text[9000];
    (void)state;
    memset(text, 's', sizeof text - 1);
    memcpy(text, "[auth]\nsecret = ", 16);
    text[sizeof text - 1] = '\0';
    refuses(text, ":2: the line is too long");
}

static void problems_name_file_line_and_key(void **state)
{
    (void)state;
    refuses("[limits]\n\npage = x\n", ":3: limits.page: 'x' is not a whole number");
    refuses("[limits]\npage = 1x\n", ":2: limits.page: '1x' is not a whole number");
    refuses("[limits]\npage =\n", ":2: limits.page: '' is not a whole number");
    refuses("[limits]\npage = +5\n", ":2: limits.page: '+5' is not a whole number");
    refuses("[limits]\npage = 5.0\n", ":2: limits.page: '5.0' is not a whole number");
    refuses("[limits]\npage = 0\n", ":2: limits.page: 0 is not between 1 and 1000");
    refuses("[limits]\npage = 1001\n", ":2: limits.page: 1001 is not between 1 and 1000");
    refuses("[limits]\npage = -3\n", ":2: limits.page: -3 is not between 1 and 1000");
    refuses("[limits]\npage = 99999999999999999999\n",
            ":2: limits.page: '99999999999999999999' is not a whole number");
    refuses("[limits]\npage = 50 ; half\n", ":2: limits.page: '50 ; half' is not a whole number");
    refuses("[log]\njson = maybe\n", ":2: log.json: 'maybe' is neither true nor false");
    refuses("[log]\nlevel = loud\n", ":2: log.level: must be debug, info, warn or error");
    refuses("[limits]\npages = 5\n", ":2: limits.pages: no such setting");
    refuses("[limit]\npage = 5\n", ":2: limit.page: no such setting");
    refuses("[limits]\nPage = 5\n", ":2: limits.Page: no such setting");
    refuses("page = 5\n", ":1: .page: no such setting");
    refuses("[broker]\nid = a/b\n", ":2: broker.id: must be at most 64 of letters, digits, _ . -");
    refuses("[front]\ntrusted_proxies = 127.0.0.1 10.0.0.0/8\n",
            ":2: front.trusted_proxies: must be IP addresses, separated by spaces");
    refuses("[front]\ntrusted_proxies = localhost\n",
            ":2: front.trusted_proxies: must be IP addresses, separated by spaces");
    refuses("[socketio]\norigins = http://localhost:* a.example\n",
            ":2: socketio.origins: must be * or origins like https://a.example, separated by "
            "spaces");
    refuses("[socketio]\norigins = https://a.example/\n",
            ":2: socketio.origins: must be * or origins like https://a.example, separated by "
            "spaces");
    refuses("[broker]\nsid_prefix = a.b\n",
            ":2: broker.sid_prefix: must be at most 11 of letters, digits, _ -");
    refuses("[broker]\nsid_prefix = abcdefghijkl\n",
            ":2: broker.sid_prefix: must be at most 11 of letters, digits, _ -");
    refuses("[socketio]\npath = /x\n", ":2: socketio.path: must begin and end with /");
}

static void the_first_problem_is_told(void **state)
{
    (void)state;
    refuses("[limits]\nnonsense\npage = x\n", ":2: neither a [section] nor \"name = value\"");
    refuses("[limits]\npage = x\nnonsense\n", ":2: limits.page: 'x' is not a whole number");
    refuses("[limits\npage = 5\n", ":1: neither a [section] nor \"name = value\"");
}

static void nul_bytes_hide_nothing(void **state)
{
    static const char text[] = "[auth]\nissuer = a\0b\n";
    (void)state;
    refuses_bytes(text, sizeof text - 1, ":2: the line has a NUL byte");
}

static void secrets_are_not_shown(void **state)
{
    (void)state;
    refuses("[auth]\nsecret = tooshort\n", ":2: auth.secret: must have at least 32 bytes");
}

static void settings_are_checked_against_each_other(void **state)
{
    (void)state;
    refuses("[limits]\nusername_min_chars = 20\nusername_max_chars = 10\n",
            ":2: limits.username_min_chars: 20 is above limits.username_max_chars (10)");
}

static void a_missing_file_is_a_problem(void **state)
{
    struct conf *conf = NULL;
    struct buf problem;
    (void)state;
    buf_init(&problem, 1000);
    assert_int_equal(conf_load("/nowhere/parley.conf", &conf, &problem), ERR_VALIDATION_FAILED);
    assert_string_equal(problem.data, "/nowhere/parley.conf: No such file or directory");
    buf_clear(&problem);
    assert_int_equal(conf_load("/", &conf, &problem), ERR_VALIDATION_FAILED);
    assert_string_equal(problem.data, "/: cannot be read");
    buf_release(&problem);
}

static void the_environment_goes_over_the_file(void **state)
{
    (void)state;
    setenv("PARLEY_LIMITS_PAGE", "11", 1);
    setenv("PARLEY_AUTH_ISSUER", "from env ; #", 1);
    setenv("PARLEY_MQTT_PASSWORD", "", 1);
    setenv("PARLEY_UNKNOWN_THING", "x", 1);
    struct conf *conf = load("[limits]\npage = 20\nqueue = 5\n[mqtt]\npassword = x\n");
    assert_int_equal(conf_int(conf, CONF_LIMIT_PAGE), 11);
    assert_int_equal(conf_int(conf, CONF_LIMIT_QUEUE), 5);
    assert_string_equal(conf_str(conf, CONF_AUTH_ISSUER), "from env ; #");
    assert_string_equal(conf_str(conf, CONF_MQTT_PASSWORD), "");
    conf_free(conf);

    struct buf problem;
    buf_init(&problem, 1000);
    setenv("PARLEY_LIMITS_PAGE", "many", 1);
    assert_int_equal(conf_load(NULL, &conf, &problem), ERR_VALIDATION_FAILED);
    assert_string_equal(problem.data,
                        "PARLEY_LIMITS_PAGE: limits.page: 'many' is not a whole number");
    buf_release(&problem);
    unsetenv("PARLEY_LIMITS_PAGE");
    unsetenv("PARLEY_AUTH_ISSUER");
    unsetenv("PARLEY_MQTT_PASSWORD");
    unsetenv("PARLEY_UNKNOWN_THING");
}

static void single_values_can_be_set(void **state)
{
    struct conf *conf = load("");
    struct buf problem;
    (void)state;
    buf_init(&problem, 1000);
    assert_int_equal(conf_set(conf, "limits.page", "20", &problem), ERR_OK);
    assert_int_equal(conf_int(conf, CONF_LIMIT_PAGE), 20);
    assert_int_equal(conf_set(conf, "limits.page", "0", &problem), ERR_VALIDATION_FAILED);
    assert_string_equal(problem.data, "limits.page: 0 is not between 1 and 1000");
    assert_int_equal(conf_int(conf, CONF_LIMIT_PAGE), 20);
    buf_clear(&problem);
    assert_int_equal(conf_set(conf, "limits.nope", "0", &problem), ERR_VALIDATION_FAILED);
    assert_string_equal(problem.data, "limits.nope: no such setting");
    buf_clear(&problem);
    assert_int_equal(conf_check(conf, &problem), ERR_OK);
    assert_int_equal(conf_set(conf, "pg.timeout_ms", "100", &problem), ERR_OK);
    assert_int_equal(conf_check(conf, &problem), ERR_VALIDATION_FAILED);
    assert_string_equal(problem.data, "pg.lock_timeout_ms: 500 is above pg.timeout_ms (100)");
    buf_release(&problem);
    conf_free(conf);
}

static void what_a_program_needs_can_be_required(void **state)
{
    struct conf *conf = load("");
    struct buf problem;
    (void)state;
    buf_init(&problem, 1000);
    assert_int_equal(conf_require(conf, CONF_AUTH_SECRET, &problem), ERR_VALIDATION_FAILED);
    assert_string_equal(problem.data, "auth.secret: must be set");
    buf_clear(&problem);
    assert_int_equal(conf_require(conf, CONF_AUTH_ISSUER, &problem), ERR_OK);
    assert_int_equal(problem.len, 0);
    buf_release(&problem);
    conf_free(conf);
}

static void words_for_true_and_false(void **state)
{
    static const char *const words[] = {"true", "yes", "on", "1", "false", "no", "off", "0"};
    struct conf *conf = load("");
    struct buf problem;
    (void)state;
    buf_init(&problem, 1000);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(conf_set(conf, "log.json", words[i], &problem), ERR_OK);
        assert_int_equal(conf_bool(conf, CONF_LOG_JSON), i < 4);
    }
    assert_int_equal(conf_set(conf, "log.json", "TRUE", &problem), ERR_VALIDATION_FAILED);
    buf_release(&problem);
    conf_free(conf);
}

/* The sample with its settings uncommented: every name is known and every value the default's. */
static void the_sample_is_a_file_of_defaults(void **state)
{
    struct buf sample, text;
    (void)state;
    buf_init(&sample, 1 << 20);
    buf_init(&text, 1 << 20);
    conf_sample(&sample);
    int settings = 0;
    for (char *line = sample.data, *end; (end = strchr(line, '\n')); line = end + 1) {
        bool commented = line[0] == '#' && line[1] >= 'a' && line[1] <= 'z';
        settings += commented;
        buf_add(&text, line + commented, (size_t)(end + 1 - line) - commented);
        assert_true(end - line <= 200);
    }
    assert_int_equal(settings, CONF_COUNT);
    struct conf *conf = load(text.data);
    assert_int_equal(conf_int(conf, CONF_LIMIT_PAGE), 100);
    assert_string_equal(conf_str(conf, CONF_TRUSTED_PROXIES), "127.0.0.1 ::1");
    conf_free(conf);
    buf_release(&text);
    buf_release(&sample);
}

static void the_sample_in_docs_is_up_to_date(void **state)
{
    static const char file_name[] = TOP_SRCDIR "/docs/parley.conf.sample";
    static char text[1 << 18];
    struct buf sample;
    (void)state;
    buf_init(&sample, 1 << 20);
    conf_sample(&sample);
    bool update = getenv("UPDATE_SAMPLE") != NULL;
    FILE *file = fopen(file_name, update ? "w" : "r");
    if (!file)
        fail_msg("%s cannot be opened", file_name);
    if (update) {
        assert_int_equal(fwrite(sample.data, 1, sample.len, file), sample.len);
    } else {
        size_t len = fread(text, 1, sizeof text - 1, file);
        if (len != sample.len || memcmp(text, sample.data, len) != 0)
            fail_msg("%s differs from settings.def: run this test with UPDATE_SAMPLE=1", file_name);
    }
    assert_int_equal(fclose(file), 0);
    buf_release(&sample);
}

static struct conf *read_again(const char *text)
{
    struct conf *fresh = NULL;
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fprintf(file, "[auth]\nsecret = 0123456789abcdef0123456789abcdef\n%s", text);
    assert_int_equal(fclose(file), 0);
    return conf_read_again(path, &fresh) == ERR_OK ? fresh : NULL;
}

static void some_settings_change_while_it_runs(void **state)
{
    struct conf *conf =
        read_again("[limits]\npage = 10\n[socketio]\norigins = https://a.example\n");
    const char *before;

    (void)state;
    assert_non_null(conf);
    assert_true(conf_is_live(CONF_LIMIT_PAGE) && conf_is_live(CONF_SIO_ORIGINS));
    assert_false(conf_is_live(CONF_PG_CONNINFO) || conf_is_live(CONF_AUTH_SECRET));
    before = conf_str(conf, CONF_SIO_ORIGINS);
    assert_int_equal(conf_take_over(conf, read_again("[limits]\npage = 20\n[broker]\nport = 7\n"
                                                     "[socketio]\norigins = https://b.example\n")),
                     2);
    assert_int_equal(conf_int(conf, CONF_LIMIT_PAGE), 20);
    assert_string_equal(conf_str(conf, CONF_SIO_ORIGINS), "https://b.example");
    assert_string_equal(before, "https://a.example"); /* somebody may still hold it */
    assert_int_equal(conf_int(conf, CONF_BROKER_PORT), 3001);
    /* A line that is gone is the default again; without a change nothing does. */
    assert_int_equal(conf_take_over(conf, read_again("")), 2);
    assert_int_equal(conf_int(conf, CONF_LIMIT_PAGE), 100);
    assert_int_equal(conf_take_over(conf, read_again("")), 0);
    conf_free(conf);
}

static void a_file_with_a_mistake_is_not_taken_over(void **state)
{
    struct conf *fresh = NULL;

    (void)state;
    assert_null(read_again("[limits]\npage = many\n"));
    assert_null(read_again("[limits]\npassword_min_chars = 20\npassword_max_chars = 19\n"));
    conf_free(load("[limits]\npage = 5\n")); /* now the file has no secret */
    assert_int_equal(conf_read_again(path, &fresh), ERR_VALIDATION_FAILED);
    assert_int_equal(conf_read_again("/nonexistent/parley.conf", &fresh), ERR_VALIDATION_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_all_is_default),
        cmocka_unit_test(a_file_sets_values),
        cmocka_unit_test(values_keep_what_looks_like_a_comment),
        cmocka_unit_test(indented_lines_are_lines),
        cmocka_unit_test(values_may_be_long),
        cmocka_unit_test(lines_too_long_are_refused_not_cut),
        cmocka_unit_test(problems_name_file_line_and_key),
        cmocka_unit_test(the_first_problem_is_told),
        cmocka_unit_test(nul_bytes_hide_nothing),
        cmocka_unit_test(secrets_are_not_shown),
        cmocka_unit_test(settings_are_checked_against_each_other),
        cmocka_unit_test(a_missing_file_is_a_problem),
        cmocka_unit_test(the_environment_goes_over_the_file),
        cmocka_unit_test(single_values_can_be_set),
        cmocka_unit_test(what_a_program_needs_can_be_required),
        cmocka_unit_test(words_for_true_and_false),
        cmocka_unit_test(some_settings_change_while_it_runs),
        cmocka_unit_test(a_file_with_a_mistake_is_not_taken_over),
        cmocka_unit_test(the_sample_is_a_file_of_defaults),
        cmocka_unit_test(the_sample_in_docs_is_up_to_date),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
