/*
 * Token buckets by key, in a bounded table: the rate limits. A key is any bytes (a user id, an
 * address, an account and an address). Thread-safe. Memory is fixed when the table is made. When
 * there is no room for a new key, the bucket that is nearest to full (it limits least) among the
 * eight that share its place gives way; so a flood of new keys does not free a limited one.
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

/* The first and the third from now on, while others take. What a bucket has stays, up to the new
 * burst. */
void bucket_table_change(struct bucket_table *table, int tokens_per_period, int burst);

/* Takes NULL. Nobody may be in bucket_take. */
void bucket_table_free(struct bucket_table *table);

/* Take `cost` tokens of `key`; a cost above burst counts as burst. 0: taken. Else nothing is taken,
 * and it is the number of milliseconds after which it would pass. `now_ms` is clock_mono_ms(). */
int64_t bucket_take(struct bucket_table *table, struct span key, int cost, int64_t now_ms);

/* Put back what bucket_take took: a password that was right is no guess. */
void bucket_give(struct bucket_table *table, struct span key, int cost, int64_t now_ms);

#endif
