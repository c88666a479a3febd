/* See proxy.h. One thread, one connection at a time: a db has only one. */
#include "tests/unit/chat/proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { FORWARD, CUT_ANSWER, CUT_REQUEST };

struct proxy {
    char dir[64];
    char conninfo[160];
    int listener;
    int stop[2];
    atomic_int mode;
    pthread_t thread;
};

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

static int connect_server(void)
{
    struct sockaddr_un address = address_of(getenv("PARLEY_TEST_PG_SOCKET"));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Forward what is there; false ends the connection. */
static bool forward(int from, int to)
{
    char block[65536];
    ssize_t got = read(from, block, sizeof block);

    return got > 0 && write(to, block, (size_t)got) == got;
}

static bool serve_ready(struct proxy *proxy, const struct pollfd *fds)
{
    if (fds[0].revents) {
        if (atomic_load(&proxy->mode) == CUT_REQUEST) {
            atomic_store(&proxy->mode, FORWARD);
            return false;
        }
        if (!forward(fds[0].fd, fds[1].fd))
            return false;
    }
    if (fds[1].revents) {
        if (atomic_load(&proxy->mode) == CUT_ANSWER) {
            atomic_store(&proxy->mode, FORWARD);
            usleep(200000); /* the answer has begun; let the server finish the transaction */
            return false;
        }
        return forward(fds[1].fd, fds[0].fd);
    }
    return true;
}

static void serve(struct proxy *proxy, int client)
{
    int server = connect_server();
    struct pollfd fds[] = {{.fd = client, .events = POLLIN},
                           {.fd = server, .events = POLLIN},
                           {.fd = proxy->stop[0], .events = POLLIN}};

    while (server >= 0 && poll(fds, 3, -1) > 0 && !fds[2].revents) {
        if (!serve_ready(proxy, fds))
            break;
    }
    close(client);
    close(server);
}

static void *run(void *app)
{
    struct proxy *proxy = app;
    struct pollfd fds[] = {{.fd = proxy->listener, .events = POLLIN},
                           {.fd = proxy->stop[0], .events = POLLIN}};

    while (poll(fds, 2, -1) > 0 && !fds[1].revents)
        serve(proxy, accept(proxy->listener, NULL, NULL));
    return NULL;
}

struct proxy *proxy_start(void)
{
    struct proxy *proxy = calloc(1, sizeof *proxy);
    struct sockaddr_un address;
    char path[100];

    snprintf(proxy->dir, sizeof proxy->dir, "/tmp/parley-proxy.XXXXXX");
    assert_non_null(mkdtemp(proxy->dir));
    snprintf(path, sizeof path, "%s/.s.PGSQL.5432", proxy->dir);
    snprintf(proxy->conninfo, sizeof proxy->conninfo, "host=%s dbname=parley user=parley_app",
             proxy->dir);
    address = address_of(path);
    proxy->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(proxy->listener, 8), 0);
    assert_int_equal(pipe(proxy->stop), 0);
    assert_int_equal(pthread_create(&proxy->thread, NULL, run, proxy), 0);
    return proxy;
}

void proxy_stop(struct proxy *proxy)
{
    char path[100];

    assert_int_equal(write(proxy->stop[1], "x", 1), 1);
    pthread_join(proxy->thread, NULL);
    snprintf(path, sizeof path, "%s/.s.PGSQL.5432", proxy->dir);
    unlink(path);
    rmdir(proxy->dir);
    close(proxy->listener);
    close(proxy->stop[0]);
    close(proxy->stop[1]);
    free(proxy);
}

const char *proxy_conninfo(const struct proxy *proxy)
{
    return proxy->conninfo;
}

void proxy_cut_next_answer(struct proxy *proxy)
{
    atomic_store(&proxy->mode, CUT_ANSWER);
}

void proxy_cut_next_request(struct proxy *proxy)
{
    atomic_store(&proxy->mode, CUT_REQUEST);
}
