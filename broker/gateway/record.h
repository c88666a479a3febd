/*
 * A recoverable session as it is handed from the broker that had it to the one that restores it:
 * how far the client was in each log at the end, and which rows it was sent last, so that its own
 * offset tells which of them it has. Pure: no clock, no I/O.
 */
#ifndef PARLEY_GATEWAY_RECORD_H
#define PARLEY_GATEWAY_RECORD_H

#include <stddef.h>

#include "broker/gateway/offset.h"
#include "shared/base/buf.h"
#include "shared/base/random.h"

/* Rows seq, seq + 1, ... of one log, sent at (n, k), (n, k + 1), ... */
struct run {
    int64_t n, k, count;
    int64_t log; /* room id; 0: the inbox */
    int64_t seq;
};

struct record {
    char sid[RANDOM_ID_SIZE];
    char epoch[EPOCH_SIZE];
    char base[OFFSET_SIZE];  /* of another epoch: what it had when it came here; "": nothing */
    struct point base_point; /* ... which was here */
    struct point floor;      /* offsets before it cannot be told any more */
    int64_t user_id;
    int64_t inbox; /* has the inbox up to here */
    struct record_room {
        int64_t id;
        int64_t after; /* has the room up to here */
    } * rooms;
    size_t room_count, room_cap;
    struct run *runs; /* none after record_rewind */
    size_t run_count, run_cap;
    int64_t timeline; /* of PostgreSQL, of which all this is; 0 or 1: the first */
    bool unsent; /* after record_rewind: it has received nothing at all, not even its history */
};

/* Nothing is in a zeroed record. */
void record_release(struct record *record);

/* The client has `room` up to `after`; of two statements the lower counts. */
void record_room(struct record *record, int64_t room, int64_t after);
void record_run(struct record *record, const struct run *run);

/* Where does `offset` (SPAN_NONE: it has none) point to in the record's epoch? */
bool record_point(const struct record *record, struct span offset, struct point *point);

/* Take everything back that the client has not received: positions become those of `offset`.
 * False: they cannot be told. */
bool record_rewind(struct record *record, struct span offset);

/* Append it as JSON; and read that (any bytes): ERR_SYNTAX with nothing in `out`. */
void record_encode(const struct record *record, struct buf *out);
enum err record_decode(struct span json, struct record *out) MUST_CHECK;

#endif
