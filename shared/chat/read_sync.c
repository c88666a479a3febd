/*
 * What was missed, for clients without a connection: every event after a position in each of the
 * user's rooms, as one JSON object in pieces. The rules of which rows those are, are admission's
 * (read_admit.c); how they look is render.c's, as for everybody.
 */
#include "shared/chat/read.h"

#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"
#include "shared/chat/rules.h"
#include "shared/store/admission.h"

#define ROWS 200 /* of one statement */

/* ---- the request ---- */

static const char *body_problem(const struct chat *chat, struct span body)
{
    if (json_scan(body, (int)conf_int(chat_conf(chat), CONF_LIMIT_JSON_DEPTH)))
        return "must be valid JSON";
    return json_type_of(body) == JSON_OBJECT ? NULL : "must be an object";
}

static const char *since_problem(const struct chat *chat, struct span since)
{
    size_t cursor = 0;
    int64_t names = 0;
    struct span key, value;
    long long seq;

    if (!span_present(since))
        return "is required";
    if (json_type_of(since) != JSON_OBJECT)
        return "must be an object";
    while (json_next(since, &cursor, &key, &value)) {
        if (json_type_of(value) != JSON_NUMBER || !json_to_int(value, &seq) || seq < 0)
            return "must have a whole number, 0 or more, for each channel";
        if (!json_is_unicode(key))
            return "has a name with half of a surrogate pair";
        names++;
    }
    return names > conf_int(chat_conf(chat), CONF_LIMIT_ROOMS_PER_USER) ? "names too many channels"
                                                                        : NULL;
}

enum err chat_sync_parse(const struct chat *chat, struct span body, struct span *since,
                         struct buf *problems)
{
    const char *field = "";
    const char *problem = body_problem(chat, body);
    struct json_writer w;

    if (!problem) {
        field = "since";
        *since = json_member(body, field);
        problem = since_problem(chat, *since);
    }
    if (!problem)
        return ERR_OK;
    json_begin(&w, problems);
    json_array(&w, NULL);
    json_object(&w, NULL);
    json_cstr(&w, "field", field);
    json_cstr(&w, "problem", problem);
    json_object_end(&w);
    json_array_end(&w);
    return ERR_VALIDATION_FAILED;
}

/* ---- names that are none of the user's rooms ---- */

static enum err find_missing(struct db *db, const struct chat_sync *sync, const struct span *keys,
                             size_t count, bool *missing)
{
    const struct chat_admission *admission = sync->admission;
    int64_t *ids = mem_array(admission->room_count + 1, sizeof *ids);

    for (size_t i = 0; i < admission->room_count; i++)
        ids[i] = admission->rooms[i].room_id;
    enum err err = admission_missing(db, keys, count, ids, admission->room_count, missing);
    mem_free(ids);
    return err;
}

static void fold_name(struct span name, struct buf *out)
{
    struct buf plain;

    buf_init(&plain, BUF_MAX_DEFAULT);
    buf_init(out, BUF_MAX_DEFAULT);
    json_unescape(name, &plain);
    rule_room_key(buf_span(&plain), out);
    buf_release(&plain);
}

/* "gone":[...]: names as they were given. Whether such a room exists is not said. */
static enum err write_gone(struct db *db, const struct chat_sync *sync, struct json_writer *w)
{
    size_t max = 0, count = 0, cursor = 0;
    struct span key, value;

    while (json_next(sync->since, &cursor, &key, &value))
        max++;
    struct buf *folded = mem_array(max + 1, sizeof *folded);
    struct span *keys = mem_array(max + 1, sizeof *keys);
    struct span *names = mem_array(max + 1, sizeof *names);
    bool *missing = mem_array(max + 1, sizeof *missing);
    for (cursor = 0; json_next(sync->since, &cursor, &names[count], &value); count++) {
        fold_name(names[count], &folded[count]);
        keys[count] = buf_span(&folded[count]);
    }
    enum err err = max > 0 ? find_missing(db, sync, keys, max, missing) : ERR_OK;
    json_array(w, "gone");
    for (size_t i = 0; i < max; i++) {
        if (missing[i])
            json_raw(w, NULL, names[i]);
        buf_release(&folded[i]);
    }
    json_array_end(w);
    mem_free(folded);
    mem_free(keys);
    mem_free(names);
    mem_free(missing);
    return err;
}

/* ---- rooms ---- */

static bool is_blocked(const struct chat_admission *admission, int64_t author)
{
    size_t low = 0, high = admission->blocked_count;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (admission->blocked[mid] == author)
            return true;
        if (admission->blocked[mid] < author)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

static void open_room(struct chat_sync *sync, struct buf *out)
{
    const struct chat_position *room = &sync->admission->rooms[sync->room];

    if (sync->room_open)
        return;
    if (sync->room > 0)
        buf_add_char(out, ',');
    json_quote(out, span_of(room->name));
    buf_addf(out, ":{\"after\":%lld,\"lastSeq\":%lld,\"events\":[", (long long)room->after,
             (long long)room->head);
    sync->room_open = true;
    sync->any_event = false;
    sync->seq = room->after;
}

static void close_room(struct chat_sync *sync, struct buf *out)
{
    buf_add_str(out, "]}");
    sync->room_open = false;
    sync->room++;
}

/* ["name",{...}] becomes {"seq":..,"event":"name","data":{...}}. */
static void write_event(struct chat_sync *sync, const struct event *event, struct buf *out)
{
    struct span array = span_make(event->json, event->json_len);
    struct span name = SPAN_NONE, data = SPAN_NONE;
    size_t cursor = 0;

    (void)json_next(array, &cursor, NULL, &name);
    if (!json_next(array, &cursor, NULL, &data))
        data = SPAN_LIT("null");
    buf_addf(out, "%s{\"seq\":%lld,\"event\":", sync->any_event ? "," : "", (long long)event->seq);
    buf_add_span(out, name);
    buf_add_str(out, ",\"data\":");
    buf_add_span(out, data);
    buf_add_char(out, '}');
    sync->any_event = true;
}

/* The next rows of the present room. */
static enum err read_room(struct db *db, struct chat_sync *sync, struct buf *out)
{
    const struct chat_position *room = &sync->admission->rooms[sync->room];
    struct event_list events;
    enum err err = ERR_OK;

    event_list_init(&events);
    if (sync->seq < room->head)
        err =
            chat_log_read(db, LOG_ROOM, room->room_id, sync->seq, room->head, ROWS, false, &events);
    for (size_t i = 0; i < events.count && err == ERR_OK; i++) {
        const struct event *event = &events.items[i];

        sync->seq = event->seq;
        if (event->json && !is_blocked(sync->admission, event->author))
            write_event(sync, event, out);
    }
    if (err == ERR_OK && events.count < ROWS)
        close_room(sync, out);
    event_list_release(&events);
    return err;
}

static enum err begin(struct db *db, struct chat_sync *sync, struct buf *out)
{
    struct json_writer w;

    json_begin(&w, out);
    json_object(&w, NULL);
    enum err err = write_gone(db, sync, &w);
    json_object(&w, "rooms");
    sync->begun = true;
    return err;
}

enum err chat_sync_next(struct db *db, struct chat_sync *sync, size_t max_bytes, struct buf *out)
{
    size_t full_at = out->len + max_bytes;
    enum err err = ERR_OK;

    if (!sync->begun)
        err = begin(db, sync, out);
    while (err == ERR_OK && sync->room < sync->admission->room_count && out->len < full_at) {
        open_room(sync, out);
        err = read_room(db, sync, out);
    }
    if (err == ERR_OK && sync->room == sync->admission->room_count) {
        buf_add_str(out, "}}");
        sync->done = true;
    }
    return err;
}
