/*
 * sendMessage: the batch writer. One transaction for all that waits (see shared/store/message.h for
 * what it does); here is what to do when it fails, and what its outcomes mean.
 *
 *   a room is locked      the others go on, its sends are CHAT_BUSY; while a room is known to be
 *                         locked nobody else waits for it again
 *   the connection broke  outcome unknown: once more, the nonces make it harmless
 *   any other failure     nothing was written: each send by itself, so that one cannot spoil all
 *   a nonce comes twice   what comes before the second is a transaction of its own
 */
#include "shared/chat/command_internal.h"

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/chat/nonce.h"
#include "shared/chat/render.h"
#include "shared/store/message.h"

#define LEAST_MS 1000 /* a batch has this long, however old its oldest send */

static const enum err verdict_errors[] = {
    [MESSAGE_WRITTEN] = ERR_OK,
    [MESSAGE_REPLAYED] = ERR_OK,
    [MESSAGE_NONCE_CONFLICT] = ERR_NONCE_CONFLICT,
    [MESSAGE_UNAUTHENTICATED] = ERR_UNAUTHENTICATED,
    [MESSAGE_ROOM_NOT_FOUND] = ERR_ROOM_NOT_FOUND,
    [MESSAGE_BUSY] = ERR_UNAVAILABLE,
    [MESSAGE_BANNED] = ERR_BANNED,
    [MESSAGE_NOT_A_MEMBER] = ERR_NOT_A_MEMBER,
    [MESSAGE_MUTED] = ERR_MUTED,
    [MESSAGE_BLOCKED] = ERR_BLOCKED,
    [MESSAGE_OTHER_DELETED] = ERR_USER_NOT_FOUND,
};

static void add_event(struct chat_command *send, const struct message_outcome *outcome)
{
    const struct log_row row = {
        .log = LOG_ROOM,
        .log_id = outcome->room_id,
        .seq = outcome->seq,
        .kind = EVENT_TEXT,
        .actor = send->actor.user_id,
        .author = send->actor.user_id,
        .at_us = outcome->at_us,
        .room_name = outcome->room_name,
        .message = {.seq = outcome->seq,
                    .kind = EVENT_TEXT,
                    .sender = outcome->sender,
                    .text = buf_span(&send->text),
                    .nonce = buf_span(&send->nonce),
                    .at_us = outcome->at_us},
    };
    render_to_event(&row, event_list_add(&send->events));
}

static void set_room(struct chat_command *send, const struct message_outcome *outcome)
{
    enum room_status status = ROOM_PUBLIC;

    if (outcome->room_id == 0)
        return;
    (void)room_status_parse(outcome->room_status, &status);
    send->room.id = outcome->room_id;
    mem_free(send->room.name);
    send->room.name = mem_span_dup(outcome->room_name);
    send->room.status = room_status_name(status);
}

/* Its room is locked: again, while there is time. */
static enum chat_progress still_busy(struct chat_command *send)
{
    send->busy_count++;
    if (clock_mono_ms() >= command_deadline_ms(send))
        return command_finish(send, ERR_UNAVAILABLE);
    return CHAT_BUSY;
}

/* After the commit. */
static enum chat_progress conclude(struct chat_command *send, const struct message_outcome *outcome)
{
    /* Attempted before with an unknown outcome: what looks like a replay may be our own row, of
     * which nobody has heard. To tell of it twice does no harm, receivers know the seq. */
    bool ours = outcome->verdict == MESSAGE_WRITTEN ||
                (outcome->verdict == MESSAGE_REPLAYED && send->maybe_written);

    if (outcome->verdict == MESSAGE_BUSY)
        return still_busy(send);
    send->seq = outcome->seq;
    send->at_us = outcome->at_us;
    send->until_us = outcome->until_us;
    send->replay = outcome->verdict == MESSAGE_REPLAYED && !ours;
    set_room(send, outcome);
    if (ours)
        add_event(send, outcome);
    return command_finish(send, verdict_errors[outcome->verdict]);
}

/* Nobody can have sent its nonce before: it was made here. */
static bool is_first(const struct chat_command *send)
{
    return nonce_is_server_made(buf_span(&send->nonce)) && !send->maybe_written;
}

/* One transaction. On ERR_OK all are concluded. */
static enum err attempt(struct db *db, enum message_lock lock, struct chat_command **sends,
                        enum chat_progress *progress, size_t count)
{
    struct message_send *wanted = mem_array(count, sizeof *wanted);
    struct db_result rows = {0};
    enum err err;

    for (size_t i = 0; i < count; i++)
        wanted[i] = (struct message_send){
            .room_key = buf_span(&sends[i]->room_key),
            .user_id = sends[i]->actor.user_id,
            .session_id = sends[i]->actor.session_id,
            .nonce = buf_span(&sends[i]->nonce),
            .is_first = is_first(sends[i]),
            .text = buf_span(&sends[i]->text),
            .body_hash = span_make((const char *)sends[i]->body_hash, DIGEST_SIZE),
        };
    err = message_send_all(db, lock, wanted, count, &rows);
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        struct message_outcome outcome;

        message_outcome_get(&rows, i, &outcome);
        progress[i] = conclude(sends[i], &outcome);
    }
    db_result_release(&rows);
    mem_free(wanted);
    return err;
}

/* Rooms found locked before are not waited for while there is other work; alone, briefly. */
static enum message_lock choose_lock(struct chat_command **sends, size_t count)
{
    size_t again = 0;

    for (size_t i = 0; i < count; i++)
        again += sends[i]->busy_count > 0;
    if (again == 0)
        return MESSAGE_LOCK_WAIT;
    return again == count ? MESSAGE_LOCK_BRIEF : MESSAGE_LOCK_SKIP;
}

/* Wait for the locks, then without the locked rooms; once more if the connection breaks. */
static enum err attempt_all(struct db *db, struct chat_command **sends,
                            enum chat_progress *progress, size_t count)
{
    enum message_lock lock = choose_lock(sends, count);
    enum err err = attempt(db, lock, sends, progress, count);

    if (err == ERR_DB_LOST) {
        for (size_t i = 0; i < count; i++)
            sends[i]->maybe_written = true;
        err = attempt(db, lock, sends, progress, count);
    }
    if (err == ERR_DB_LOCK_TIMEOUT)
        err = attempt(db, MESSAGE_LOCK_SKIP, sends, progress, count);
    return err;
}

static void end_all(struct chat_command **sends, enum chat_progress *progress, size_t count,
                    enum err err)
{
    for (size_t i = 0; i < count; i++)
        progress[i] =
            err == ERR_DB_LOCK_TIMEOUT ? still_busy(sends[i]) : command_finish(sends[i], err);
}

static void send_all(struct db *db, struct chat_command **sends, enum chat_progress *progress,
                     size_t count)
{
    enum err err = attempt_all(db, sends, progress, count);

    if (err == ERR_OK)
        return;
    if (err == ERR_DB_LOST || err == ERR_DB_LOCK_TIMEOUT || count == 1) {
        end_all(sends, progress, count, err);
        return;
    }
    for (size_t i = 0; i < count; i++)
        send_all(db, &sends[i], &progress[i], 1);
}

static bool is_repeat(const struct chat_command *send, const struct chat_command *of)
{
    return send->actor.user_id == of->actor.user_id &&
           span_equal(buf_span(&send->nonce), buf_span(&of->nonce));
}

/* How many of the sends from the first on have nonces of their own: a repeat waits for what becomes
 * of the one that it repeats. */
static size_t count_distinct(struct chat_command **sends, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (is_repeat(sends[i], sends[j]))
                return i;
        }
    }
    return count;
}

void chat_send_batch(struct db *db, struct chat_command **sends, enum chat_progress *progress,
                     size_t count)
{
    /* The oldest must be answered in time; but it must not cut the others short altogether. */
    int64_t deadline_ms = INT64_MAX;
    int64_t least_ms = clock_mono_ms() + LEAST_MS;

    for (size_t i = 0; i < count; i++) {
        if (command_deadline_ms(sends[i]) < deadline_ms)
            deadline_ms = command_deadline_ms(sends[i]);
    }
    if (count == 0)
        return;
    db_set_deadline(db, deadline_ms > least_ms ? deadline_ms : least_ms);
    for (size_t done = 0, part; done < count; done += part) {
        part = count_distinct(&sends[done], count - done);
        send_all(db, &sends[done], &progress[done], part);
    }
    db_set_deadline(db, 0);
}
