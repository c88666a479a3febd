/*
 * Connections of the load generator: websocket frames and Socket.IO's beginning, as little as a
 * client can do. Not a client library: what a server must not send ends the connection.
 */
#include "tests/bench/load/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define INPUT (8 << 20)
#define STARTS(text, len, what) ((len) >= sizeof(what) - 1 && !memcmp(text, what, sizeof(what) - 1))

struct load load;

int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void conn_close(struct conn *conn)
{
    struct linger reset = {1, 0};

    if (conn->state == CLOSED)
        return;
    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(conn->fd);
    free(conn->rest);
    conn->rest = NULL;
    conn->rest_len = 0;
    conn->state = CLOSED;
}

static void conn_fail(struct conn *conn)
{
    if (conn->state == READY)
        load.ready--;
    load.failed++;
    conn_close(conn);
}

void conn_write(struct conn *conn, const char *bytes, size_t len)
{
    struct pollfd writable = {conn->fd, POLLOUT, 0};
    ssize_t written;

    while (len > 0 && conn->state != CLOSED) {
        written = send(conn->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (written > 0) {
            bytes += written;
            len -= (size_t)written;
        } else if (errno == EAGAIN && poll(&writable, 1, 10000) == 1) {
            continue;
        } else {
            conn_fail(conn);
        }
    }
}

void conn_text(struct conn *conn, const char *text, size_t len)
{
    char frame[4096];
    size_t head = 2;

    if (len > sizeof frame - 8)
        exit(3);
    frame[0] = (char)0x81;
    if (len < 126) {
        frame[1] = (char)(0x80 | len);
    } else {
        frame[1] = (char)(0x80 | 126);
        frame[2] = (char)(len >> 8);
        frame[3] = (char)len;
        head = 4;
    }
    /* A mask of zeros leaves the text as it is. */
    memset(frame + head, 0, 4);
    memcpy(frame + head + 4, text, len);
    conn_write(conn, frame, head + 4 + len);
}

void conn_open(struct conn *conn)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load.options.port)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = conn};
    int yes = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    conn->state = OPENING;
    conn->serial++;
    conn->begun = now_us();
    load.opened++;
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (conn->fd < 0 ||
        (connect(conn->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)) {
        conn_fail(conn);
        return;
    }
    epoll_ctl(load.epoll, EPOLL_CTL_ADD, conn->fd, &event);
}

static void conn_is_ready(struct conn *conn)
{
    conn->state = READY;
    load.ready++;
    hist_add(&load.setup, now_us() - conn->begun);
    load.on_ready(conn);
}

/* TCP is there: the request, or with REST nothing more to prepare. */
static void conn_connected(struct conn *conn)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    char request[512];
    int len;

    epoll_ctl(load.epoll, EPOLL_CTL_MOD, conn->fd, &event);
    if (load.on_bytes) {
        conn_is_ready(conn);
        return;
    }
    len = snprintf(request, sizeof request,
                   "GET %s?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%ld\r\n"
                   "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                   load.options.path, load.options.port);
    conn->state = UPGRADING;
    conn_write(conn, request, (size_t)len);
}

static void say_connect(struct conn *conn)
{
    char text[2048];
    int len = 2;

    if (load.options.chat && load.line_count > 0)
        len = snprintf(text, sizeof text, "40{\"token\":\"%s\",\"history\":%ld}",
                       load.lines[conn->id % load.line_count].field[0], load.options.history);
    else
        memcpy(text, "40", 2);
    conn->state = CONNECTING;
    conn_text(conn, text, (size_t)len);
}

static void say_join(struct conn *conn)
{
    char text[128];
    int len;

    if (load.options.chat || load.options.rooms == 0) {
        conn->state = JOINING;
        if (!load.options.chat)
            conn_is_ready(conn);
        return;
    }
    len = snprintf(text, sizeof text, "420[\"join\",{\"room\":\"r%ld\"}]",
                   conn->id % load.options.rooms);
    conn->state = JOINING;
    conn_text(conn, text, (size_t)len);
}

/* A text message, or the first frame of one. */
static void on_message(struct conn *conn, const char *text, size_t len, bool fin)
{
    if (conn->state == READY) {
        if (len == 1 && text[0] == '2')
            conn_text(conn, "3", 1);
        else
            load.on_text(conn, text, len);
    } else if (conn->state == HELLO && len > 0 && text[0] == '0') {
        say_connect(conn);
    } else if (conn->state == CONNECTING && STARTS(text, len, "40")) {
        say_join(conn);
    } else if (conn->state == JOINING && load.options.chat) {
        conn->welcome = STARTS(text, len, "42[\"updateChatHistory\"");
        if (conn->welcome && fin)
            conn_is_ready(conn);
    } else if (conn->state == JOINING && STARTS(text, len, "430")) {
        conn_is_ready(conn);
    } else if (len == 1 && text[0] == '2') {
        conn_text(conn, "3", 1);
    } else if (STARTS(text, len, "44") || STARTS(text, len, "41")) {
        conn_fail(conn);
    }
}

static void on_frame(struct conn *conn, unsigned char first, const char *text, size_t len)
{
    int opcode = first & 15;
    bool fin = first & 0x80;

    if (opcode == 1)
        on_message(conn, text, len, fin);
    else if (opcode == 0 && fin && conn->welcome && conn->state == JOINING)
        conn_is_ready(conn);
    else if (opcode == 8)
        conn_fail(conn);
}

/* The length of the frame at `bytes` with its head, 0: not whole yet. */
static size_t frame_size(const unsigned char *bytes, size_t len, size_t *head)
{
    size_t size;

    if (len < 2)
        return 0;
    size = bytes[1] & 127;
    *head = 2;
    if (size == 126) {
        *head = 4;
        size = len < 4 ? INPUT : (size_t)bytes[2] << 8 | bytes[3];
    } else if (size == 127) {
        *head = 10;
        size = 0;
        for (size_t i = 2; i < 10 && len >= 10; i++)
            size = size << 8 | bytes[i];
        if (len < 10 || size >= INPUT)
            size = INPUT;
    }
    return *head + size <= len ? *head + size : 0;
}

/* Handle all whole frames; returns how many bytes they were. What is left when the connection was
 * closed or replaced meanwhile is nobody's. */
static size_t take_frames(struct conn *conn, const char *bytes, size_t len)
{
    size_t taken = 0, head, size;
    long serial = conn->serial;

    while (conn->state != CLOSED && conn->serial == serial) {
        size = frame_size((const unsigned char *)bytes + taken, len - taken, &head);
        if (size == 0)
            break;
        on_frame(conn, (unsigned char)bytes[taken], bytes + taken + head, size - head);
        taken += size;
    }
    return taken;
}

static size_t take_upgrade(struct conn *conn, const char *bytes, size_t len)
{
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);

    if (!end)
        return 0;
    if (memcmp(bytes, "HTTP/1.1 101", 12) != 0) {
        conn_fail(conn);
        return len;
    }
    conn->state = HELLO;
    return (size_t)(end - bytes) + 4;
}

static void keep_rest(struct conn *conn, const char *bytes, size_t len)
{
    free(conn->rest);
    conn->rest = NULL;
    conn->rest_len = len;
    if (len > 0) {
        conn->rest = malloc(len);
        if (!conn->rest)
            abort();
        memcpy(conn->rest, bytes, len);
    }
}

static void conn_read(struct conn *conn)
{
    static char input[INPUT];
    size_t len = conn->rest_len, taken = 0;
    long serial = conn->serial;
    ssize_t got;

    if (len > 0)
        memcpy(input, conn->rest, len);
    got = recv(conn->fd, input + len, sizeof input - len, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        conn_fail(conn);
        return;
    }
    len += (size_t)got;
    if (load.on_bytes) {
        load.on_bytes(conn, input, (size_t)got);
        return;
    }
    if (conn->state == UPGRADING)
        taken = take_upgrade(conn, input, len);
    if (conn->state > UPGRADING)
        taken += take_frames(conn, input + taken, len - taken);
    if (conn->state != CLOSED && conn->serial == serial)
        keep_rest(conn, input + taken, len - taken);
}

/* Look again and again, for `us` at most, instead of sleeping: to wake a sleeper costs the core
 * that sends, so that a server would be the slower the more often it let us sleep. */
static int look(struct epoll_event *events, int max, int64_t us)
{
    int64_t begun = now_us(), now = begun;
    int count;

    if (load.options.hold > 0)
        return epoll_wait(load.epoll, events, max, (int)(us / 1000));
    do {
        load.idle += now - begun;
        begun = now;
        count = epoll_wait(load.epoll, events, max, 0);
        now = now_us();
        us -= now - begun;
    } while (count == 0 && us > 0);
    return count;
}

void load_turn(int64_t us)
{
    struct epoll_event events[512];
    struct conn *conn;
    int count = look(events, 512, us);

    for (int i = 0; i < count; i++) {
        conn = events[i].data.ptr;
        if (conn->state == OPENING && events[i].events & (EPOLLERR | EPOLLHUP))
            conn_fail(conn);
        else if (conn->state == OPENING)
            conn_connected(conn);
        else if (conn->state != CLOSED)
            conn_read(conn);
    }
}

double busy_since(int64_t start, int64_t idle)
{
    int64_t took = now_us() - start;

    return took > 0 ? 1 - (double)(load.idle - idle) / (double)took : 0;
}
