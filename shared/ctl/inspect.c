/* parleyctl room and stats, see inspect.h. */
#include "shared/ctl/inspect.h"

#include <inttypes.h>

#include "shared/base/clock.h"
#include "shared/chat/rules.h"
#include "shared/ctl/output.h"
#include "shared/store/overview.h"

#define PAGE 1000

/* ---- room ---- */

static void write_room(struct json_writer *w, const struct overview_room *room)
{
    json_int(w, "id", room->id);
    json_string(w, "name", room->name);
    json_cstr(w, "status", room_status_name(room->status));
    if (room->owner.ptr)
        json_string(w, "owner", room->owner);
    json_int(w, "members", room->members);
    json_int(w, "lastSeq", room->last_seq);
    json_int(w, "names", room->names);
    json_date(w, "createdAt", room->created_us);
    if (room->archived_us)
        json_date(w, "archivedAt", room->archived_us);
}

static void add_line(struct output *out, const struct overview_room *room)
{
    buf_addf(&out->text, "\n%8" PRId64 " %-8s %8" PRId64 " %10" PRId64 "  %.*s%s", room->id,
             room_status_name(room->status), room->members, room->last_seq, (int)room->name.len,
             room->name.ptr, room->archived_us ? " (archived)" : "");
}

static enum err add_page(struct ctl *ctl, struct output *out, int64_t *after_id, int *count)
{
    struct db_result rows = {0};
    struct overview_room room;
    enum err err = overview_rooms(ctl->db, *after_id, PAGE, &rows, count);
    for (int row = 0; row < *count; row++) {
        overview_room(&rows, row, &room);
        json_object(&out->w, NULL);
        write_room(&out->w, &room);
        json_object_end(&out->w);
        add_line(out, &room);
        *after_id = room.id;
    }
    db_result_release(&rows);
    return err;
}

enum ctl_exit ctl_room_list(struct ctl *ctl)
{
    struct output out;
    int64_t after_id = 0;
    int count = PAGE;
    enum err err = ERR_OK;
    output_init(&out);
    buf_addf(&out.text, "%8s %-8s %8s %10s  %s", "ID", "STATUS", "MEMBERS", "LAST SEQ", "NAME");
    json_array(&out.w, "rooms");
    while (!err && count == PAGE)
        err = add_page(ctl, &out, &after_id, &count);
    json_array_end(&out.w);
    return output_end(ctl, &out, err);
}

static void describe(struct output *out, const struct overview_room *room)
{
    char created[CLOCK_ISO_SIZE], archived[CLOCK_ISO_SIZE] = "no";
    clock_iso(room->created_us, created);
    if (room->archived_us)
        clock_iso(room->archived_us, archived);
    buf_addf(&out->text,
             "id        %" PRId64 "\nname      %.*s\nstatus    %s\nowner     %.*s\n"
             "members   %" PRId64 "\nlast seq  %" PRId64 "\nnames     %" PRId64
             "\ncreated   %s\narchived  %s\ntopic     parley/v1/rooms/%" PRId64,
             room->id, (int)room->name.len, room->name.ptr, room_status_name(room->status),
             room->owner.ptr ? (int)room->owner.len : 4, room->owner.ptr ? room->owner.ptr : "none",
             room->members, room->last_seq, room->names, created, archived, room->id);
}

enum ctl_exit ctl_room_show(struct ctl *ctl)
{
    struct output out;
    struct db_result rows = {0};
    struct overview_room room;
    struct buf key;
    output_init(&out);
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_room_key(span_of(ctl->name), &key);
    enum err err = overview_find(ctl->db, buf_span(&key), &rows);
    if (!err) {
        overview_room(&rows, 0, &room);
        write_room(&out.w, &room);
        describe(&out, &room);
    }
    buf_release(&key);
    db_result_release(&rows);
    return output_end(ctl, &out, err);
}

/* ---- stats ---- */

static void add_count(struct output *out, const char *key, const char *label, int64_t value)
{
    json_int(&out->w, key, value);
    buf_addf(&out->text, "%s%-15s %" PRId64, out->text.len ? "\n" : "", label, value);
}

enum ctl_exit ctl_stats(struct ctl *ctl)
{
    struct output out;
    struct overview_counts counts;
    output_init(&out);
    enum err err = overview_count(ctl->db, &counts);
    add_count(&out, "users", "users", counts.users);
    add_count(&out, "disabled", "disabled users", counts.disabled);
    add_count(&out, "sessions", "live sessions", counts.sessions);
    add_count(&out, "publicRooms", "public rooms", counts.public_rooms);
    add_count(&out, "privateRooms", "private rooms", counts.private_rooms);
    add_count(&out, "directRooms", "direct rooms", counts.direct_rooms);
    add_count(&out, "archivedRooms", "archived rooms", counts.archived_rooms);
    add_count(&out, "memberships", "memberships", counts.memberships);
    add_count(&out, "roomEvents", "room events", counts.room_events);
    return output_end(ctl, &out, err);
}
