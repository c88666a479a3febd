/*
 * Token buckets by key, in a bounded table: the rate limits. A key is any bytes (a user id, an
 * address, an account and an address). Thread-safe. When the table is full, the bucket that is
 * nearest to full (it limits least) gives way.
 */
#ifndef PARLEY_BASE_BUCKET_H
#define PARLEY_BASE_BUCKET_H

#include <stdint.h>

#include "shared/base/span.h"

struct bucket_table;

/* `burst` tokens at most, one more every `period_ms / tokens_per_period` ms; at most `max_keys`
 * buckets. tokens_per_period 0: no limit, everything passes. Owned by the caller. */
struct bucket_table *bucket_table_new(int tokens_per_period, int64_t period_ms, int burst,
                                      size_t max_keys);
void bucket_table_free(struct bucket_table *table);

/* Take `cost` tokens of `key`. 0: taken. Else nothing is taken, and it is the number of
 * milliseconds after which it would pass. */
int64_t bucket_take(struct bucket_table *table, struct span key, int cost, int64_t now_ms);

#endif
