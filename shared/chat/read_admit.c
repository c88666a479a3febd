/*
 * Admission: the CONNECT options and the vector a connection starts from. History itself is read
 * afterwards, page by page (read_history.c), up to the heads found here.
 */
#include "shared/chat/read.h"

#include "shared/base/json_scan.h"
#include "shared/base/mem.h"
#include "shared/chat/rules.h"
#include "shared/store/admission.h"

/* A seq or a count: an integer that is not negative. */
static bool natural(struct span json, int64_t *out)
{
    long long value;

    if (json_type_of(json) != JSON_NUMBER || !json_to_int(json, &value) || value < 0)
        return false;
    *out = value;
    return true;
}

static bool is_given(struct span json)
{
    return span_present(json) && json_type_of(json) != JSON_NULL;
}

static bool since_is_valid(struct span since)
{
    size_t cursor = 0;
    struct span key, value;
    int64_t seq;

    if (json_type_of(since) != JSON_OBJECT)
        return false;
    while (json_next(since, &cursor, &key, &value)) {
        if (!natural(value, &seq))
            return false;
    }
    return true;
}

enum err chat_connect_options_parse(struct span auth, struct chat_connect_options *out)
{
    struct span history, since;

    *out = (struct chat_connect_options){.history = -1, .since = SPAN_NONE};
    if (!span_present(auth) || auth.len == 0 || json_type_of(auth) != JSON_OBJECT)
        return ERR_OK;
    history = json_member(auth, "history");
    since = json_member(auth, "since");
    if (is_given(history) && !natural(history, &out->history))
        return ERR_VALIDATION_FAILED;
    if (is_given(since)) {
        if (!since_is_valid(since))
            return ERR_VALIDATION_FAILED;
        out->since = since;
    }
    return ERR_OK;
}

/* {roomName: seq} as columns of folded names and seqs. */
struct since_columns {
    struct buf *folded;
    struct span *keys;
    int64_t *seqs;
    size_t count;
};

static size_t count_members(struct span object)
{
    size_t cursor = 0, count = 0;
    struct span key, value;

    while (span_present(object) && json_next(object, &cursor, &key, &value))
        count++;
    return count;
}

static void since_columns_init(struct since_columns *columns, struct span since)
{
    size_t max = count_members(since);
    size_t cursor = 0;
    struct span key, value;
    struct buf name;

    *columns = (struct since_columns){
        .folded = mem_array(max + 1, sizeof *columns->folded),
        .keys = mem_array(max + 1, sizeof *columns->keys),
        .seqs = mem_array(max + 1, sizeof *columns->seqs),
    };
    buf_init(&name, BUF_MAX_DEFAULT);
    while (columns->count < max && json_next(since, &cursor, &key, &value)) {
        size_t i = columns->count++;

        buf_clear(&name);
        json_unescape(key, &name);
        buf_init(&columns->folded[i], BUF_MAX_DEFAULT);
        rule_room_key(buf_span(&name), &columns->folded[i]);
        columns->keys[i] = buf_span(&columns->folded[i]);
        (void)natural(value, &columns->seqs[i]);
    }
    buf_release(&name);
}

/* After a fail-over a client's numbers may be of rows that are gone, and have been given out again:
 * for a while they are not believed. Then all are past any log's end, and rooms come in full. */
static bool since_is_void(const struct chat *chat, const struct db *db,
                          struct since_columns *columns)
{
    if (columns->count == 0 ||
        !db_timeline_is_young(db, conf_int(chat_conf(chat), CONF_BROKER_RECOVERY_MS)))
        return false;
    for (size_t i = 0; i < columns->count; i++)
        columns->seqs[i] = INT64_MAX;
    return true;
}

static void since_columns_release(struct since_columns *columns)
{
    for (size_t i = 0; i < columns->count; i++)
        buf_release(&columns->folded[i]);
    mem_free(columns->folded);
    mem_free(columns->keys);
    mem_free(columns->seqs);
}

static void fill(const struct db_result *rows, struct chat_admission *out)
{
    out->inbox_seq = admission_inbox_seq(rows);
    out->blocked_count = admission_blocked_count(rows);
    out->blocked = mem_array(out->blocked_count + 1, sizeof *out->blocked);
    for (size_t i = 0; i < out->blocked_count; i++)
        out->blocked[i] = admission_blocked(rows, i);
    out->room_count = admission_room_count(rows);
    out->rooms = mem_array(out->room_count + 1, sizeof *out->rooms);
    for (size_t i = 0; i < out->room_count; i++) {
        struct admission_room room;

        admission_room_get(rows, i, &room);
        out->rooms[i] = (struct chat_position){
            .room_id = room.room_id,
            .name = mem_span_dup(room.name),
            .head = room.head,
            .after = room.after,
            .joined_seq = room.joined_seq,
            .since = room.since,
        };
    }
}

/* What the client asks for, within what the operator allows (0: anything). */
static int64_t capped_history(const struct chat *chat, int64_t wanted)
{
    int64_t cap = conf_int(chat_conf(chat), CONF_LIMIT_HISTORY);

    if (cap > 0 && (wanted < 0 || wanted > cap))
        return cap;
    return wanted;
}

enum err chat_admit(struct chat *chat, struct db *db, const struct chat_actor *actor,
                    const struct chat_connect_options *options, struct chat_admission *out)
{
    struct since_columns since;
    struct db_result rows = {0};
    struct admission_query query = {
        .user_id = actor->user_id,
        .session_id = actor->session_id,
        .last = capped_history(chat, options->history),
    };
    enum err err;

    *out = (struct chat_admission){0};
    since_columns_init(&since, options->since);
    query.since_keys = since.keys;
    query.since_seqs = since.seqs;
    query.since_count = since.count;
    for (;;) {
        bool trusted = !since_is_void(chat, db, &since);

        err = admission_read(db, &query, &rows);
        if (err != ERR_OK || !trusted || !since_is_void(chat, db, &since))
            break;
        db_result_release(&rows); /* the very connection that read it was the first to tell */
    }
    if (err == ERR_OK) {
        fill(&rows, out);
        out->no_history = options->history == 0 && !span_present(options->since);
    }
    db_result_release(&rows);
    since_columns_release(&since);
    return err;
}

void chat_admission_release(struct chat_admission *admission)
{
    for (size_t i = 0; i < admission->room_count; i++)
        mem_free(admission->rooms[i].name);
    mem_free(admission->rooms);
    mem_free(admission->blocked);
    *admission = (struct chat_admission){0};
}
