/*
 * What one user may read: the rooms it is in, as a snapshot of PostgreSQL said and as the rows of
 * its inbox and of the rooms' logs have changed it since. Two facts that mosquitto alone does not
 * have decide: up to which row of a room its member may read, and up to which row we know that
 * nobody has taken the membership away. Holds no connection and asks nobody: it says when a new
 * snapshot is needed. One thread.
 */
#ifndef PARLEY_MQTT_PLUGIN_READER_H
#define PARLEY_MQTT_PLUGIN_READER_H

#include "shared/base/idmap.h"
#include "shared/base/list.h"
#include "shared/chat/read.h"

enum verdict {
    VERDICT_NO,
    VERDICT_YES,
    VERDICT_ASK /* not known: after the next snapshot */
};

/* A snapshot that is asked for after a message has come shows its row; one that was on its way may
 * not. What several do not show was never written. */
#define READER_PATIENCE 3

struct reader {
    int64_t user_id;
    int64_t inbox_seq;   /* the last row of the inbox that `stays` know of */
    int64_t wanted_seq;  /* the inbox is at least this far */
    int short_loads;     /* snapshots in a row in which the inbox was not that far */
    int old_loads;       /* snapshots in a row that were older than what was known */
    int64_t snapshots;   /* how many there were */
    bool known;          /* there was one */
    bool asked;          /* somebody got VERDICT_ASK since the last snapshot */
    struct idmap stays;  /* struct stay by room */
    struct list devices; /* the caller's */
    int device_count;    /* the caller's */
    int loads;           /* further snapshots on their way; the caller's */
    bool load_failed;    /* the last one: the next round asks again; the caller's */
};

/* Nothing known. The struct is the caller's; release frees what it holds. */
void reader_init(struct reader *reader, int64_t user_id);
void reader_release(struct reader *reader);

/* A snapshot. False: it is older than what is known already, and changed nothing. When
 * READER_PATIENCE in a row are (of those on their way at once, only the last counts), the database
 * itself is older, from a backup, and all that was known is forgotten. */
bool reader_load(struct reader *reader, const struct chat_admission *admission);

/* A row of the user's inbox, and of a room's log that is about this user (subject). */
void reader_on_inbox(struct reader *reader, const struct event *event);
void reader_on_room(struct reader *reader, const struct event *event);

/* The inbox has a row `seq`, of which no message told. Believed until READER_PATIENCE snapshots
 * know nothing of it. */
void reader_note(struct reader *reader, int64_t seq);

/* Is a new snapshot needed? */
bool reader_wants_load(const struct reader *reader);

/* May it read row `seq` of the room? 0: passing news, to be asked for as they pass. */
enum verdict reader_judge(struct reader *reader, int64_t room_id, int64_t seq);

/* May it subscribe? VERDICT_ASK: nothing is known yet. */
enum verdict reader_membership(const struct reader *reader, int64_t room_id);

#endif
