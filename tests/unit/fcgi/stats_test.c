/* What a worker counts of its requests, and the listener that shows it. */
#include "fcgi/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/metrics_listener.h"

static const char *class_of(const char *pattern)
{
    return stats_class_name(stats_class(pattern));
}

static void routes_have_classes(void **state)
{
    (void)state;
    assert_string_equal(class_of("/api/v1/auth/login"), "auth");
    assert_string_equal(class_of("/api/v1/users/{username}"), "users");
    assert_string_equal(class_of("/api/v1/channels"), "channels");
    assert_string_equal(class_of("/api/v1/channels/{name}"), "channels");
    assert_string_equal(class_of("/api/v1/channels/{name}/messages/{seq}"), "messages");
    assert_string_equal(class_of("/api/v1/channels/{name}/bans/{username}"), "members");
    assert_string_equal(class_of("/api/v1/publish"), "publish");
    assert_string_equal(class_of("/readyz"), "health");
    assert_string_equal(class_of(NULL), "none");
}

static void threads_are_summed_up(void **state)
{
    static struct stats a, b;
    const struct stats *threads[] = {&a, &b};
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    stats_begin(&a);
    stats_end(&a, "/api/v1/channels", 200, 100);
    stats_begin(&b);
    stats_end(&b, "/api/v1/channels", 200, 100);
    stats_begin(&b);
    stats_end(&b, "/api/v1/channels", 418, 100);
    stats_begin(&b);
    stats_end(&b, NULL, 404, 50);
    stats_begin(&a);
    stats_page(&a, true);
    stats_page(&b, true);
    stats_page(&b, false);
    stats_metrics(threads, 2, &out);
    assert_non_null(strstr(out.data, "\nparley_requests_running 1\n"));
    assert_non_null(
        strstr(out.data, "\nparley_requests_total{route=\"channels\",status=\"200\"} 2\n"));
    assert_non_null(
        strstr(out.data, "\nparley_requests_total{route=\"channels\",status=\"other\"} 1\n"));
    assert_non_null(strstr(out.data, "\nparley_requests_total{route=\"none\",status=\"404\"} 1\n"));
    assert_non_null(strstr(out.data, "\nparley_requests_total{route=\"auth\",status=\"200\"} 0\n"));
    assert_null(strstr(out.data, "{route=\"auth\",status=\"201\"}"));
    assert_non_null(strstr(out.data, "\nparley_request_seconds_count{route=\"channels\"} 3\n"));
    assert_non_null(strstr(out.data, "\nparley_message_pages_total{from=\"database\"} 1\n"));
    assert_non_null(strstr(out.data, "\nparley_message_pages_total{from=\"memory\"} 2\n"));
    buf_release(&out);
}

/* ---- the listener ---- */

static void fill(void *arg, struct buf *out)
{
    buf_add_str(out, arg);
}

/* A listener on a port that was free a moment ago. */
static struct metrics_listener *listen_somewhere(char *page, struct sockaddr_in *address)
{
    struct metrics_listener *listener = NULL;
    socklen_t len = sizeof *address;

    for (int i = 0; i < 20 && !listener; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        *address =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        assert_int_equal(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)address, &len), 0);
        close(fd);
        listener = metrics_listener_new("127.0.0.1", ntohs(address->sin_port), fill, page);
    }
    assert_non_null(listener);
    return listener;
}

/* What comes back on a connection of its own until it is closed. */
static void ask(const struct sockaddr_in *address, const char *request, char *out, size_t size)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t len = 0;

    assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    for (ssize_t got; (got = recv(fd, out + len, size - 1 - len, 0)) > 0;)
        len += (size_t)got;
    out[len] = '\0';
    close(fd);
}

static void the_page_is_served(void **state)
{
    char page[] = "parley_x 1\n", got[4096];
    struct sockaddr_in address;
    struct metrics_listener *listener = listen_somewhere(page, &address);

    (void)state;
    ask(&address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", got, sizeof got);
    assert_memory_equal(got, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr(got, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(strstr(got, "\r\nContent-Length: 11\r\n"));
    assert_non_null(strstr(got, "\r\n\r\nparley_x 1\n"));
    ask(&address, "HEAD /metrics HTTP/1.0\r\n\r\n", got, sizeof got);
    assert_non_null(strstr(got, "\r\nContent-Length: 11\r\n"));
    assert_null(strstr(got, "parley_x"));
    metrics_listener_free(listener);
}

static void nothing_else_is(void **state)
{
    static const char *const others[] = {"GET / HTTP/1.1\r\n\r\n", "POST /metrics HTTP/1.1\r\n\r\n",
                                         "GET /metrics/.. HTTP/1.1\r\n\r\n", "x\r\n\r\n"};
    char page[] = "parley_x 1\n", got[4096], flood[5000];
    struct sockaddr_in address;
    struct metrics_listener *listener = listen_somewhere(page, &address);

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        ask(&address, others[i], got, sizeof got);
        assert_memory_equal(got, "HTTP/1.1 404 ", 13);
    }
    memset(flood, 'a', sizeof flood - 1);
    flood[sizeof flood - 1] = '\0';
    ask(&address, flood, got, sizeof got);
    assert_string_equal(got, "");
    ask(&address, "GET /met", got, sizeof got); /* and then no more: its patience ends */
    assert_string_equal(got, "");
    assert_null(metrics_listener_new("127.0.0.1", ntohs(address.sin_port), fill, page));
    assert_null(metrics_listener_new("localhost", 1, fill, page));
    metrics_listener_free(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_have_classes),
        cmocka_unit_test(threads_are_summed_up),
        cmocka_unit_test(the_page_is_served),
        cmocka_unit_test(nothing_else_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
