/*
 * The two bare C baselines of the benchmarks: what a core can do that does nothing but write ready
 * frames. baseline --port N [--coalesce]: one send() for each delivery, or one for all that waits
 * for a connection at the end of a turn. --drop N loses every Nth delivery, --twice N makes it two,
 * and --pause MS stands still once for so long, for the test that the generator notices. No server:
 * it knows the generator's own packets by their looks and checks nothing.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOMS 4096
#define FILES 65536
#define PAUSE_AFTER 100

struct client {
    int fd, place;
    long room; /* -1: none */
    bool open, waits;
    char *output, *rest;
    size_t output_len, output_room, rest_len;
};

struct members {
    struct client **list;
    int count, room;
};

static struct members rooms[ROOMS];
/* Each client at most once. */
static struct client *waiting[FILES];
static int waiting_count, epoll;
static bool coalesce;
static long drop, twice, pause_ms, deliveries, says;

static void *grown(void *memory, size_t size)
{
    memory = realloc(memory, size);
    if (!memory)
        abort();
    return memory;
}

static void list_add(struct client ***list, int *count, int *room, struct client *client)
{
    if (*count == *room) {
        *room = *room ? 2 * *room : 16;
        *list = grown(*list, (size_t)*room * sizeof(struct client *));
    }
    (*list)[(*count)++] = client;
}

/* ---- writing ---- */

/* gcc 12's analyser takes the clients of a global array for null, and what they own for lost. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#pragma GCC diagnostic ignored "-Wanalyzer-null-dereference"

static void keep(struct client *client, const char *bytes, size_t len)
{
    if (client->output_len + len > client->output_room) {
        client->output_room = 2 * (client->output_len + len);
        client->output = grown(client->output, client->output_room);
    }
    memcpy(client->output + client->output_len, bytes, len);
    client->output_len += len;
    if (!client->waits)
        waiting[waiting_count++] = client;
    client->waits = true;
}

static void put(struct client *client, const char *bytes, size_t len)
{
    ssize_t sent = 0;

    if (!coalesce && client->output_len == 0)
        sent = send(client->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < (ssize_t)len)
        keep(client, bytes + (sent > 0 ? sent : 0), len - (size_t)(sent > 0 ? sent : 0));
}

static void flush_waiting(void)
{
    int left = 0;

    for (int i = 0; i < waiting_count; i++) {
        struct client *client = waiting[i];
        ssize_t sent =
            send(client->fd, client->output, client->output_len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            client->output_len -= (size_t)sent;
            memmove(client->output, client->output + sent, client->output_len);
        }
        client->waits = client->open && client->output_len > 0;
        if (client->waits)
            waiting[left++] = client;
    }
    waiting_count = left;
}

#pragma GCC diagnostic pop

static size_t frame(char *out, const char *text, size_t len)
{
    size_t head = len < 126 ? 2 : 4;

    out[0] = (char)0x81;
    out[1] = (char)(len < 126 ? len : 126);
    if (len >= 126) {
        out[2] = (char)(len >> 8);
        out[3] = (char)len;
    }
    memcpy(out + head, text, len);
    return head + len;
}

static void put_text(struct client *client, const char *text)
{
    char out[512];

    put(client, out, frame(out, text, strlen(text)));
}

/* ---- packets ---- */

static void leave(struct client *client)
{
    struct members *room = client->room < 0 ? NULL : &rooms[client->room];

    if (!room)
        return;
    room->list[client->place] = room->list[--room->count];
    room->list[client->place]->place = client->place;
    client->room = -1;
}

static void join(struct client *client, long number)
{
    struct members *room = &rooms[number];

    leave(client);
    client->room = number;
    client->place = room->count;
    list_add(&room->list, &room->count, &room->room, client);
    put_text(client, "430[{}]");
}

static void say(const struct members *room, const char *payload, size_t len)
{
    char text[1024], out[1100];
    size_t size;
    int written = snprintf(text, sizeof text, "42[\"said\",%.*s", (int)len, payload);

    if (++says == PAUSE_AFTER && pause_ms > 0)
        usleep((unsigned)pause_ms * 1000);
    size = frame(out, text, (size_t)written);
    for (int i = 0; i < room->count; i++) {
        deliveries++;
        if (drop == 0 || deliveries % drop != 0)
            put(room->list[i], out, size);
        if (twice > 0 && deliveries % twice == 0)
            put(room->list[i], out, size);
    }
}

static void on_text(struct client *client, const char *text, size_t len)
{
    const char *number = memmem(text, len, ":\"r", 3);

    if (len == 2) {
        put_text(client, "40{\"sid\":\"0\"}");
    } else if (number && len > 12 && memcmp(text, "420[\"join\"", 10) == 0) {
        join(client, strtol(number + 3, NULL, 10) % ROOMS);
    } else if (number && len > 12 && memcmp(text, "42[\"say\",", 9) == 0) {
        say(&rooms[strtol(number + 3, NULL, 10) % ROOMS], text + 9, len - 9);
    }
}

/* ---- reading ---- */

static void gone(struct client *client)
{
    leave(client);
    client->open = false;
    close(client->fd);
    for (int i = 0; i < waiting_count; i++)
        if (waiting[i] == client)
            waiting[i--] = waiting[--waiting_count];
    free(client->output);
    free(client->rest);
    free(client);
}

static size_t take_request(struct client *client, const char *bytes, size_t len)
{
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);
    const char *answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\n"
                         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    if (!end)
        return 0;
    client->open = true;
    put(client, answer, strlen(answer));
    put_text(client, "0{\"sid\":\"0\",\"upgrades\":[],\"pingInterval\":600000,"
                     "\"pingTimeout\":20000,\"maxPayload\":1000000}");
    return (size_t)(end - bytes) + 4;
}

static size_t take_frames(struct client *client, const char *bytes, size_t len)
{
    size_t taken = 0, size, head;

    while (len - taken >= 6) {
        size = bytes[taken + 1] & 127;
        head = 6;
        if (size == 126) {
            if (len - taken < 8)
                break;
            size = (size_t)(unsigned char)bytes[taken + 2] << 8 | (unsigned char)bytes[taken + 3];
            head = 8;
        }
        if (len - taken < head + size)
            break;
        on_text(client, bytes + taken + head, size);
        taken += head + size;
    }
    return taken;
}

static void on_readable(struct client *client)
{
    static char input[1 << 20];
    size_t len = client->rest_len, taken = 0;
    ssize_t got;

    if (len > 0)
        memcpy(input, client->rest, len);
    got = recv(client->fd, input + len, sizeof input - len, MSG_DONTWAIT);
    if (got <= 0) {
        gone(client);
        return;
    }
    len += (size_t)got;
    if (!client->open)
        taken = take_request(client, input, len);
    if (client->open)
        taken += take_frames(client, input + taken, len - taken);
    client->rest_len = len - taken;
    if (client->rest_len > 0) {
        client->rest = grown(client->rest, client->rest_len);
        memcpy(client->rest, input + taken, client->rest_len);
    }
}

static void on_new(int listener)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct client *client;
    int fd, yes = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        client = calloc(1, sizeof *client);
        if (!client)
            abort();
        client->fd = fd;
        client->room = -1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        event.data.ptr = client;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_on(long port)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;

    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&here, sizeof here) < 0 || listen(fd, 4096) < 0)
        exit(1);
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    return fd;
}

int main(int argc, char **argv)
{
    struct rlimit files = {FILES, FILES};
    struct epoll_event events[512];
    long port = 0;
    int listener, count;

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "0";
        coalesce |= strcmp(argv[i], "--coalesce") == 0;
        if (strcmp(argv[i], "--port") == 0)
            port = strtol(value, NULL, 10);
        else if (strcmp(argv[i], "--drop") == 0)
            drop = strtol(value, NULL, 10);
        else if (strcmp(argv[i], "--twice") == 0)
            twice = strtol(value, NULL, 10);
        else if (strcmp(argv[i], "--pause") == 0)
            pause_ms = strtol(value, NULL, 10);
    }
    setrlimit(RLIMIT_NOFILE, &files);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    listener = listen_on(port);
    puts("ready");
    fflush(stdout);
    for (;;) {
        count = epoll_wait(epoll, events, 512, waiting_count > 0 ? 1 : -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                on_readable(events[i].data.ptr);
            else
                on_new(listener);
        }
        flush_waiting();
    }
}
