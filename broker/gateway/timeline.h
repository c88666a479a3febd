/*
 * A new timeline of PostgreSQL (a standby was promoted: shared/db/db.h): the logs may have become
 * shorter than what was delivered, and their numbers are given out again. So nothing known of the
 * old one is built upon: every client is closed and comes back for the present state, parked
 * sessions are forgotten, and every log begins anew at the next snapshot (docs/decisions/0012).
 *
 * It is exact because nothing of the new timeline gets past here before the old is forgotten: each
 * answer of PostgreSQL says which timeline it is of, and so does each message of MQTT.
 */
#ifndef PARLEY_GATEWAY_TIMELINE_H
#define PARLEY_GATEWAY_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

struct gateway;

/* An answer of PostgreSQL was of that timeline (0: it gave none). On the loop, before the answer is
 * acted on. */
void timeline_seen(struct gateway *gateway, uint32_t timeline);

/* Is what carries this timeline (0 or 1: the first, which is not named) of the one we are on? What
 * is older may be gone; what is newer is not believed before PostgreSQL tells. */
bool timeline_fits(const struct gateway *gateway, int64_t timeline);

#endif
