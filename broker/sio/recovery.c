/*
 * Connection state recovery in memory (Socket.IO, "Connection state recovery"): for each namespace
 * a log of what was emitted, and the sessions that were lost, both for a while. An application with
 * a log of its own uses sio_accept_recoverable instead.
 *
 * An offset is `<epoch>.<number>`; the epoch is this process's, so that an offset of another one is
 * never taken for ours. A pid serves once: the socket that is restored takes the place of the old.
 */
#include "broker/sio/impl.h"

#include "shared/base/json_scan.h"
#include "shared/base/mem.h"

/* Entries of a namespace's log at most; older ones are forgotten before their time. */
#define LOG_MAX 16384
/* Lost sessions kept at most. */
#define KEPT_MAX 16384

struct entry {
    struct list link;
    uint64_t number;
    int64_t at;
    uint64_t room; /* 0: to one socket */
    struct sio_message *message;
    char to[RANDOM_ID_SIZE];     /* its sid */
    char except[RANDOM_ID_SIZE]; /* "": nobody */
};

/* What brings a session back. */
struct sio_restored {
    struct list link;
    struct strtab_node node; /* by pid, while it is kept */
    int64_t at;
    uint64_t since; /* the log's number when it was admitted */
    uint64_t after; /* the number it is to be replayed from */
    size_t room_count;
    char *pid;
    char sid[RANDOM_ID_SIZE];
    uint64_t rooms[];
};

struct sio_recovery {
    int64_t window_ms;
    struct list log; /* by number */
    size_t log_count;
    uint64_t last; /* number */
    struct list kept;
    struct strtab by_pid;
    struct strtab live; /* connected sockets by pid */
    char epoch[RANDOM_ID_SIZE];
};

struct sio_recovery *sio_recovery_new(int64_t window_ms)
{
    struct sio_recovery *recovery = mem_alloc(sizeof *recovery);

    recovery->window_ms = window_ms;
    list_init(&recovery->log);
    list_init(&recovery->kept);
    strtab_init(&recovery->by_pid);
    strtab_init(&recovery->live);
    random_id(recovery->epoch);
    return recovery;
}

static void entry_free(struct sio_recovery *recovery, struct entry *entry)
{
    list_remove(&entry->link);
    recovery->log_count--;
    sio_message_unref(entry->message);
    mem_free(entry);
}

void sio_restored_free(struct sio_restored *restored)
{
    if (!restored)
        return;
    mem_free(restored->pid);
    mem_free(restored);
}

static void forget(struct sio_recovery *recovery, struct sio_restored *kept)
{
    list_remove(&kept->link);
    strtab_remove(&recovery->by_pid, &kept->node);
}

void sio_recovery_free(struct sio_recovery *recovery)
{
    if (!recovery)
        return;
    while (!list_is_empty(&recovery->log))
        entry_free(recovery, list_entry(recovery->log.next, struct entry, link));
    while (!list_is_empty(&recovery->kept)) {
        struct sio_restored *kept = list_entry(recovery->kept.next, struct sio_restored, link);

        forget(recovery, kept);
        sio_restored_free(kept);
    }
    strtab_release(&recovery->by_pid);
    strtab_release(&recovery->live);
    mem_free(recovery);
}

/* Forget what is past the window or the bounds. */
static void expire(struct sio_recovery *recovery, int64_t now)
{
    int64_t oldest = now - recovery->window_ms;

    while (!list_is_empty(&recovery->log)) {
        struct entry *entry = list_entry(recovery->log.next, struct entry, link);

        if (entry->at >= oldest && recovery->log_count <= LOG_MAX)
            break;
        entry_free(recovery, entry);
    }
    while (!list_is_empty(&recovery->kept)) {
        struct sio_restored *kept = list_entry(recovery->kept.next, struct sio_restored, link);

        if (kept->at >= oldest && recovery->by_pid.count <= KEPT_MAX)
            break;
        forget(recovery, kept);
        sio_restored_free(kept);
    }
}

void sio_recovery_log(struct sio_namespace *ns, struct sio_message *message,
                      const struct sio_room *room, const struct sio_socket *socket,
                      const struct sio_socket *except)
{
    struct sio_recovery *recovery = ns->recovery;
    struct entry *entry = mem_alloc(sizeof *entry);
    char offset[RANDOM_ID_SIZE + 24];

    entry->number = ++recovery->last;
    entry->at = eio_server_now(ns->server->eio);
    entry->room = room ? room->id : 0;
    entry->message = sio_message_ref(message);
    if (socket)
        memcpy(entry->to, socket->sid, sizeof entry->to);
    if (except)
        memcpy(entry->except, except->sid, sizeof entry->except);
    list_append(&recovery->log, &entry->link);
    recovery->log_count++;
    snprintf(offset, sizeof offset, "%s.%llu", recovery->epoch, (unsigned long long)entry->number);
    sio_message_set_offset(message, offset);
    expire(recovery, entry->at);
}

/* ---- keeping ---- */

static struct sio_restored *snapshot(const struct sio_socket *socket)
{
    size_t count = 0;
    struct sio_restored *restored;

    list_for_each(node, &socket->memberships) count++;
    restored = mem_alloc(sizeof *restored + count * sizeof *restored->rooms);
    restored->pid = mem_strdup(socket->pid);
    restored->since = socket->since;
    memcpy(restored->sid, socket->sid, sizeof restored->sid);
    list_for_each(node, &socket->memberships) restored->rooms[restored->room_count++] =
        list_entry(node, struct sio_membership, of_socket)->room->id;
    return restored;
}

void sio_recovery_add(struct sio_socket *socket)
{
    if (socket->state != SIO_CONNECTED)
        return;
    socket->live.key = socket->pid;
    if (!socket->recovered)
        socket->since = socket->ns->recovery->last;
    strtab_add(&socket->ns->recovery->live, &socket->live);
}

static void keep(struct sio_recovery *recovery, struct sio_socket *socket)
{
    struct sio_restored *kept = snapshot(socket);

    kept->at = eio_server_now(socket->ns->server->eio);
    kept->node.key = kept->pid;
    list_append(&recovery->kept, &kept->link);
    strtab_add(&recovery->by_pid, &kept->node);
    expire(recovery, kept->at);
}

void sio_recovery_remove(struct sio_socket *socket, bool recoverable)
{
    struct sio_recovery *recovery = socket->ns->recovery;

    strtab_remove(&recovery->live, &socket->live);
    socket->live.key = NULL;
    if (recoverable)
        keep(recovery, socket);
}

/* ---- restoring ---- */

/* The client has lost a connection that we have not: the socket there makes room. */
static void evict(struct sio_recovery *recovery, struct span pid)
{
    struct strtab_node *node = strtab_find(&recovery->live, pid);
    struct sio_socket *socket = node ? list_entry(node, struct sio_socket, live) : NULL;

    if (!socket)
        return;
    sio_socket_end(socket, SIO_FORCED);
    eio_session_close(socket->client->session, EIO_REASON_FORCED);
}

/* The number in an offset of ours. */
static bool parse_offset(const struct sio_recovery *recovery, struct span offset, uint64_t *number)
{
    size_t epoch = strlen(recovery->epoch);

    *number = 0;
    if (offset.len < epoch + 2 || offset.len > epoch + 20 ||
        memcmp(offset.ptr, recovery->epoch, epoch) != 0 || offset.ptr[epoch] != '.')
        return false;
    for (size_t i = epoch + 1; i < offset.len; i++) {
        if (offset.ptr[i] < '0' || offset.ptr[i] > '9')
            return false;
        *number = *number * 10 + (uint64_t)(offset.ptr[i] - '0');
    }
    return true;
}

/* Is everything after `number` still in the log? */
static bool has_all_after(const struct sio_recovery *recovery, uint64_t number)
{
    if (number >= recovery->last)
        return number == recovery->last;
    return !list_is_empty(&recovery->log) &&
           list_entry(recovery->log.next, struct entry, link)->number <= number + 1;
}

static void member_text(struct span auth, const char *name, struct buf *out)
{
    struct span value = json_member(auth, name);

    if (span_present(value) && json_type_of(value) == JSON_STRING)
        json_unescape(value, out);
}

static struct sio_restored *take(struct sio_recovery *recovery, struct span pid, struct span offset)
{
    struct strtab_node *node = strtab_find(&recovery->by_pid, pid);
    struct sio_restored *kept = node ? list_entry(node, struct sio_restored, node) : NULL;
    uint64_t number;

    if (!kept)
        return NULL;
    forget(recovery, kept);
    number = kept->since; /* without an offset: it had received nothing */
    if ((offset.len > 0 && !parse_offset(recovery, offset, &number)) ||
        !has_all_after(recovery, number)) {
        sio_restored_free(kept);
        return NULL;
    }
    kept->after = number;
    return kept;
}

struct sio_restored *sio_recovery_find(struct sio_namespace *ns, struct span auth)
{
    struct sio_restored *restored = NULL;
    struct buf pid, offset;

    expire(ns->recovery, eio_server_now(ns->server->eio));
    buf_init(&pid, 256);
    buf_init(&offset, 256);
    member_text(auth, "pid", &pid);
    member_text(auth, "offset", &offset);
    if (pid.len > 0)
        evict(ns->recovery, buf_span(&pid));
    if (pid.len > 0)
        restored = take(ns->recovery, buf_span(&pid), buf_span(&offset));
    buf_release(&pid);
    buf_release(&offset);
    return restored;
}

const char *sio_restored_sid(const struct sio_restored *restored)
{
    return restored->sid;
}

const char *sio_restored_pid(const struct sio_restored *restored)
{
    return restored->pid;
}

static bool was_in_room(const struct sio_restored *restored, uint64_t room)
{
    for (size_t i = 0; i < restored->room_count; i++)
        if (restored->rooms[i] == room)
            return true;
    return false;
}

static bool missed(const struct sio_restored *restored, const struct entry *entry)
{
    if (entry->number <= restored->after || strcmp(entry->except, restored->sid) == 0)
        return false;
    return entry->room ? was_in_room(restored, entry->room) : strcmp(entry->to, restored->sid) == 0;
}

void sio_recovery_replay(struct sio_socket *socket, struct sio_restored *restored)
{
    struct sio_namespace *ns = socket->ns;

    list_for_each(node, &ns->rooms)
    {
        struct sio_room *room = list_entry(node, struct sio_room, link);

        if (was_in_room(restored, room->id))
            sio_room_join(room, socket);
    }
    list_for_each(node, &ns->recovery->log)
    {
        struct entry *entry = list_entry(node, struct entry, link);

        if (missed(restored, entry))
            sio_deliver(socket, entry->message);
    }
    socket->since = restored->since;
    sio_restored_free(restored);
}
