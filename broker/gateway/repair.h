/*
 * Repair: PostgreSQL is the truth, MQTT only its news. Fetches gaps, checks a log's head when its
 * subscription begins, and sweeps once a period for whatever MQTT lost.
 */
#ifndef PARLEY_GATEWAY_REPAIR_H
#define PARLEY_GATEWAY_REPAIR_H

#include "broker/gateway/livelog.h"

struct repair;

/* Owned by the caller. Begins to sweep. */
struct repair *repair_new(struct gateway *gateway);
void repair_free(struct repair *repair);

/* A gap: fetch it if it is still there after BROKER_GAP_WAIT_MS. Asking again changes nothing. */
void repair_wait(struct repair *repair, struct livelog *live);

/* Read what follows live->seq.last and feed it. One fetch of a log at a time. */
void repair_fetch(struct repair *repair, struct livelog *live);

/* Compare the log with PostgreSQL once; all checks of a turn are one statement. */
void repair_check_head(struct repair *repair, struct livelog *live);

/* Sweep without waiting for the period. */
void repair_sweep_now(struct repair *repair);

/* Every log begins anew, and the transactions are numbered otherwise: sweep as at the start. */
void repair_restart(struct repair *repair);

/* Has a sweep ever succeeded, and when did the last one (loop_now ms)? For readiness. */
int64_t repair_last_sweep(const struct repair *repair);

#endif
