/*
 * Mutes and bans that run out: each broker looks once a sweep period, one of them ends each and
 * tells the others (shared/chat/expire.h).
 */
#ifndef PARLEY_GATEWAY_EXPIRY_H
#define PARLEY_GATEWAY_EXPIRY_H

struct expiry;
struct gateway;

/* Owned by the caller. Begins to look. */
struct expiry *expiry_new(struct gateway *gateway);
/* After the pools have ended. Takes NULL. */
void expiry_free(struct expiry *expiry);

#endif
