/*
 * The search index, kept a little behind the logs: every broker looks now and then, one of them at
 * a time works (shared/chat/search.h).
 */
#ifndef PARLEY_GATEWAY_INDEXER_H
#define PARLEY_GATEWAY_INDEXER_H

struct indexer;
struct gateway;

/* Owned by the caller. Begins to look. */
struct indexer *indexer_new(struct gateway *gateway);
/* After the pools have ended. Takes NULL. */
void indexer_free(struct indexer *indexer);

#endif
