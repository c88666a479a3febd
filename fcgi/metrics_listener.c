/*
 * The least of HTTP/1.1 (RFC 9112) that a scraper needs: one GET or HEAD a connection, which is
 * then closed. A client that is slow or says too much loses its connection.
 */
#include "fcgi/metrics_listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/metrics.h"

#define REQUEST_BYTES 4096
#define PATIENCE_MS 2000 /* with a client, in all */
#define PAUSE_MS 100     /* after a failed accept */
#define BACKLOG 16

struct metrics_listener {
    int fd;
    int stop; /* eventfd */
    metrics_fill_fn fill;
    void *arg;
    pthread_t thread;
};

/* Wait until `fd` is ready. False: it is late, or the listener is to end. */
static bool wait_for(const struct metrics_listener *listener, int fd, short events, int64_t until)
{
    struct pollfd fds[2] = {{.fd = fd, .events = events}, {.fd = listener->stop, .events = POLLIN}};
    int64_t left = until - clock_mono_ms();

    return left > 0 && poll(fds, 2, (int)left) > 0 && fds[1].revents == 0;
}

/* The request up to its empty line. False: there is none in time, or it is too long. */
static bool read_request(const struct metrics_listener *listener, int fd, char *text, size_t size,
                         int64_t until)
{
    size_t len = 0;

    while (len < size - 1 && wait_for(listener, fd, POLLIN, until)) {
        ssize_t got = recv(fd, text + len, size - 1 - len, MSG_DONTWAIT);

        if (got <= 0)
            return false;
        len += (size_t)got;
        text[len] = '\0';
        if (strstr(text, "\r\n\r\n"))
            return true;
    }
    return false;
}

static void write_all(const struct metrics_listener *listener, int fd, struct span bytes,
                      int64_t until)
{
    while (bytes.len > 0 && wait_for(listener, fd, POLLOUT, until)) {
        ssize_t sent = send(fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        bytes = span_make(bytes.ptr + sent, bytes.len - (size_t)sent);
    }
}

static bool is_request(const char *text, const char *line)
{
    return strncmp(text, line, strlen(line)) == 0;
}

static void answer(const struct metrics_listener *listener, const char *request, struct buf *out)
{
    bool get = is_request(request, "GET /metrics HTTP/1.");
    bool head = is_request(request, "HEAD /metrics HTTP/1.");
    struct buf body;

    if (!get && !head) {
        buf_add_str(out,
                    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    }
    buf_init(&body, BUF_MAX_DEFAULT);
    listener->fill(listener->arg, &body);
    buf_addf(out,
             "HTTP/1.1 200 OK\r\nContent-Type: " METRICS_CONTENT_TYPE "\r\n"
             "Content-Length: %zu\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
             body.len);
    if (get)
        buf_add_span(out, buf_span(&body));
    buf_release(&body);
}

static void serve(const struct metrics_listener *listener, int fd)
{
    int64_t until = clock_mono_ms() + PATIENCE_MS;
    char request[REQUEST_BYTES];
    struct buf out;

    if (read_request(listener, fd, request, sizeof request, until)) {
        buf_init(&out, BUF_MAX_DEFAULT);
        answer(listener, request, &out);
        write_all(listener, fd, buf_span(&out), until);
        buf_release(&out);
    }
    close(fd);
}

static void *run(void *arg)
{
    struct metrics_listener *listener = arg;
    struct pollfd fds[2] = {{.fd = listener->fd, .events = POLLIN},
                            {.fd = listener->stop, .events = POLLIN}};

    while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
        int fd;

        if (fds[1].revents)
            break;
        fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            serve(listener, fd);
        else if (errno != EAGAIN && errno != ECONNABORTED)
            poll(&fds[1], 1, PAUSE_MS);
    }
    return NULL;
}

static socklen_t parse_address(const char *host, int port, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

    *out = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        return sizeof *v6;
    }
    return 0;
}

static int listen_on(const char *host, int port)
{
    struct sockaddr_storage address;
    socklen_t len = parse_address(host, port, &address);
    int fd, one = 1;

    if (len == 0) {
        errno = EINVAL;
        return -1;
    }
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

struct metrics_listener *metrics_listener_new(const char *host, int port, metrics_fill_fn fill,
                                              void *arg)
{
    struct metrics_listener *listener;
    sigset_t all, old;
    int fd = listen_on(host, port);

    if (fd < 0) {
        log_event(LOG_WARN, "metrics_not_served", "host=%s port=%d errno=%d", host, port, errno);
        return NULL;
    }
    listener = mem_alloc(sizeof *listener);
    listener->fd = fd;
    listener->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    listener->fill = fill;
    listener->arg = arg;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (listener->stop < 0 || pthread_create(&listener->thread, NULL, run, listener) != 0)
        abort(); /* at start only */
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return listener;
}

void metrics_listener_free(struct metrics_listener *listener)
{
    if (!listener)
        return;
    eventfd_write(listener->stop, 1);
    pthread_join(listener->thread, NULL);
    close(listener->stop);
    close(listener->fd);
    mem_free(listener);
}
