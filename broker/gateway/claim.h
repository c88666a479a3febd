/*
 * Asking the other brokers, and PostgreSQL, for the session of a pid that is not here; and
 * answering when others ask. All brokers are asked at once, because a client keeps its pid for
 * life: it cannot say where the session is.
 *
 *   parley/v1/brokers/all/claims   {"claim", "from", "pid", "user", "offset"}   offset may be null
 *   parley/v1/brokers/{from}       {"claim", "record"}        "record": null: it is of no use
 */
#ifndef PARLEY_GATEWAY_CLAIM_H
#define PARLEY_GATEWAY_CLAIM_H

#include "broker/gateway/recovery.h"

#define CLAIMS_TOPIC "parley/v1/brokers/all/claims"

struct claims;
struct claim;

/* Owned by recovery.c. */
struct claims *claims_new(struct recovery *recovery);
void claims_free(struct claims *claims);

/* Ask for it. `fn` gets the record, rewound to the offset, to move from; or NULL: nobody has it.
 * Never called from inside. After it the claim is gone. */
typedef void (*claim_fn)(void *arg, struct record *record);
struct claim *claim_begin(struct recovery *recovery, struct span pid, int64_t user_id,
                          struct span offset, claim_fn fn, void *arg);
/* Who asked is gone: what is found is kept for the next attempt. Takes NULL. */
void claim_cancel(struct claim *claim);

/* What MQTT brought: a broker asks; one answers us. Any bytes. */
void claim_on_request(struct recovery *recovery, struct span json);
void claim_on_answer(struct recovery *recovery, struct span json);

#endif
