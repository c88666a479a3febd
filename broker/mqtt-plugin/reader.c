/* The rules of reading, see reader.h. It does not know devices, connections or mosquitto. */
#include "broker/mqtt-plugin/reader.h"

#include "shared/base/mem.h"

/* A membership, as far as reading goes. */
struct stay {
    int64_t room_id;
    int64_t joined; /* seq of the row by which it began, as far as known */
    int64_t until;  /* 0: a member; else the last row that may be read */
    int64_t known;  /* up to this row nothing ended it but what `until` says */
    bool listed;    /* in the snapshot being loaded */
    bool ended_now; /* ended since the last snapshot: late rows up to `until` may still come */
};

void reader_init(struct reader *reader, int64_t user_id)
{
    *reader = (struct reader){.user_id = user_id};
    idmap_init(&reader->stays);
    list_init(&reader->devices);
}

static void free_stays(struct reader *reader)
{
    size_t cursor = 0;
    void *stay;

    while ((stay = idmap_next(&reader->stays, &cursor)))
        free(stay);
    idmap_release(&reader->stays);
}

void reader_release(struct reader *reader)
{
    free_stays(reader);
}

static struct stay *stay_open(struct reader *reader, int64_t room_id)
{
    struct stay *stay = idmap_get(&reader->stays, room_id);

    if (!stay) {
        stay = mem_alloc(sizeof *stay);
        stay->room_id = room_id;
        idmap_put(&reader->stays, room_id, stay);
    }
    return stay;
}

static void stay_begin(struct reader *reader, int64_t room_id, int64_t seq)
{
    struct stay *stay = stay_open(reader, room_id);

    if (seq < stay->joined || (stay->until && seq <= stay->until))
        return; /* an old row, late */
    stay->joined = seq;
    stay->until = 0;
    if (stay->known < seq)
        stay->known = seq;
}

static void stay_end(struct reader *reader, int64_t room_id, int64_t seq)
{
    struct stay *stay = idmap_get(&reader->stays, room_id);

    if (!stay || stay->until || seq < stay->joined)
        return;
    stay->until = seq;
    stay->ended_now = true;
}

/* ---- snapshots ---- */

static void list_rooms(struct reader *reader, const struct chat_admission *admission)
{
    for (size_t i = 0; i < admission->room_count; i++) {
        const struct chat_position *room = &admission->rooms[i];
        struct stay *stay = stay_open(reader, room->room_id);

        stay->listed = true;
        if (stay->until > room->head)
            continue; /* a row told of its end that is newer than this snapshot */
        stay->until = 0;
        if (stay->joined < room->joined_seq)
            stay->joined = room->joined_seq;
        if (stay->known < room->head)
            stay->known = room->head;
    }
}

/* What is not in the snapshot has ended. Where, is known only if a row has said so: such a stay is
 * kept until the next snapshot, for rows that are late. */
static struct stay *next_to_drop(const struct reader *reader)
{
    size_t cursor = 0;
    struct stay *stay;

    while ((stay = idmap_next(&reader->stays, &cursor))) {
        if (!stay->listed && !stay->ended_now)
            return stay;
    }
    return NULL;
}

static void finish_load(struct reader *reader)
{
    size_t cursor = 0;
    struct stay *stay;

    while ((stay = next_to_drop(reader))) {
        idmap_remove(&reader->stays, stay->room_id);
        free(stay);
    }
    while ((stay = idmap_next(&reader->stays, &cursor))) {
        stay->listed = false;
        stay->ended_now = false;
    }
}

/* A row that several snapshots do not have is none. */
static void doubt(struct reader *reader)
{
    if (reader->wanted_seq <= reader->inbox_seq) {
        reader->short_loads = 0;
    } else if (++reader->short_loads >= READER_PATIENCE) {
        reader->wanted_seq = reader->inbox_seq;
        reader->short_loads = 0;
    }
}

/* A row is told of once it is committed: a snapshot that was asked for since has it, as long as the
 * database is the same one. */
static bool is_late(struct reader *reader, const struct chat_admission *admission)
{
    if (!reader->known || admission->inbox_seq >= reader->inbox_seq) {
        reader->old_loads = 0;
        return false;
    }
    if (reader->loads == 0)
        reader->old_loads++;
    return reader->old_loads < READER_PATIENCE;
}

static void forget(struct reader *reader)
{
    free_stays(reader);
    idmap_init(&reader->stays);
    reader->inbox_seq = reader->wanted_seq = 0;
    reader->old_loads = 0;
}

bool reader_load(struct reader *reader, const struct chat_admission *admission)
{
    if (is_late(reader, admission))
        return false;
    if (reader->known && admission->inbox_seq < reader->inbox_seq)
        forget(reader);
    list_rooms(reader, admission);
    finish_load(reader);
    reader->inbox_seq = admission->inbox_seq;
    reader->known = true;
    reader->asked = false;
    reader->snapshots++;
    doubt(reader);
    return true;
}

bool reader_wants_load(const struct reader *reader)
{
    return !reader->known || reader->asked || reader->wanted_seq > reader->inbox_seq;
}

/* ---- rows ---- */

static void apply_inbox(struct reader *reader, const struct event *event)
{
    if (event->kind == EVENT_INBOX_JOINED)
        stay_begin(reader, event->room, event->room_seq);
    else if (event->kind == EVENT_INBOX_LEFT)
        stay_end(reader, event->room, event->room_seq);
}

void reader_on_inbox(struct reader *reader, const struct event *event)
{
    if (reader->known && event->seq <= reader->inbox_seq)
        return;
    if (reader->known && event->seq == reader->inbox_seq + 1) {
        apply_inbox(reader, event);
        reader->inbox_seq = event->seq;
        return;
    }
    reader_note(reader, event->seq); /* one is missing: PostgreSQL has it */
}

void reader_note(struct reader *reader, int64_t seq)
{
    if (seq > reader->wanted_seq)
        reader->wanted_seq = seq;
}

void reader_on_room(struct reader *reader, const struct event *event)
{
    if (event->subject != reader->user_id)
        return;
    if (event->kind == EVENT_MEMBER_LEFT)
        stay_end(reader, event->log_id, event->seq);
    else if (event->kind == EVENT_MEMBER_JOINED && reader->known)
        stay_begin(reader, event->log_id, event->seq);
}

/* ---- judging ---- */

static enum verdict ask(struct reader *reader)
{
    reader->asked = true;
    return VERDICT_ASK;
}

enum verdict reader_judge(struct reader *reader, int64_t room_id, int64_t seq)
{
    struct stay *stay = idmap_get(&reader->stays, room_id);

    if (!reader->known || reader->wanted_seq > reader->inbox_seq)
        return VERDICT_ASK; /* a snapshot is wanted anyway */
    if (!stay)
        return VERDICT_NO;
    if (stay->until)
        return seq > 0 && seq <= stay->until ? VERDICT_YES : VERDICT_NO;
    if (seq > stay->known + 1)
        return ask(reader); /* what is missing in between may be its leave */
    if (seq > stay->known)
        stay->known = seq;
    return VERDICT_YES;
}

enum verdict reader_membership(const struct reader *reader, int64_t room_id)
{
    const struct stay *stay = idmap_get(&reader->stays, room_id);

    if (!reader->known || reader->wanted_seq > reader->inbox_seq)
        return VERDICT_ASK;
    return stay && stay->until == 0 ? VERDICT_YES : VERDICT_NO;
}
