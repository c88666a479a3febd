/* Whose address a request counts for. */
#include <arpa/inet.h>

#include "broker/net/impl.h"

/* Is `peer` one of the space-separated addresses? */
static bool is_trusted(const char *list, const char *peer)
{
    size_t len = strlen(peer);

    while (*list) {
        size_t item = strcspn(list, " ,");

        if (item == len && memcmp(list, peer, len) == 0)
            return true;
        list += item;
        list += strspn(list, " ,");
    }
    return false;
}

static bool is_address(const char *text)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static struct span last_entry(struct span list)
{
    size_t start = list.len;

    while (start > 0 && list.ptr[start - 1] != ',')
        start--;
    list = span_make(list.ptr + start, list.len - start);
    while (list.len > 0 && list.ptr[0] == ' ')
        list = span_make(list.ptr + 1, list.len - 1);
    while (list.len > 0 && list.ptr[list.len - 1] == ' ')
        list.len--;
    return list;
}

void net_client_address(const struct net_listener *listener, const char *peer,
                        struct span forwarded, char out[NET_ADDRESS_MAX])
{
    struct span entry;

    memcpy(out, peer, strlen(peer) + 1);
    if (!span_present(forwarded) || !is_trusted(listener->trusted_proxies, peer))
        return;
    entry = last_entry(forwarded);
    if (entry.len == 0 || entry.len >= NET_ADDRESS_MAX)
        return;
    memcpy(out, entry.ptr, entry.len);
    out[entry.len] = '\0';
    if (!is_address(out)) /* a proxy that writes something else is believed in nothing */
        memcpy(out, peer, strlen(peer) + 1);
}
