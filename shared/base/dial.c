/* Connecting, see dial.h. */
#include "shared/base/dial.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Has the connection that was begun been made? */
static bool is_made(int fd, int wait_ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;

    return errno == EINPROGRESS && poll(&wait, 1, wait_ms) > 0 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

static int dial_address(const struct sockaddr *address, socklen_t size, int wait_ms)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, address, size) == 0 || is_made(fd, wait_ms))
        return fd;
    close(fd);
    return -1;
}

static int dial_path(const char *path, int wait_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);

    if (len >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, len + 1);
    return dial_address((const struct sockaddr *)&address, sizeof address, wait_ms);
}

int dial(const char *host, int port, int wait_ms)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char service[16];
    int fd = -1;

    if (dial_is_path(host))
        return dial_path(host, wait_ms);
    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(host, service, &hints, &list) != 0)
        return -1;
    for (const struct addrinfo *each = list; each && fd < 0; each = each->ai_next)
        fd = dial_address(each->ai_addr, each->ai_addrlen, wait_ms);
    freeaddrinfo(list);
    return fd;
}
