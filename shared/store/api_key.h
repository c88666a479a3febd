/*
 * The API keys: names, hashes, when they were made and revoked. A revoked one stays, as a record.
 */
#ifndef PARLEY_STORE_API_KEY_H
#define PARLEY_STORE_API_KEY_H

#include "shared/db/db.h"

/* ERR_NAME_TAKEN: a key that is valid has that name. */
enum err key_add(struct db *db, struct span name, struct span hash) MUST_CHECK;

/* *revoked: was there a valid key of that name? */
enum err key_revoke(struct db *db, struct span name, bool *revoked) MUST_CHECK;

/* The valid key with that hash: its id, or 0. */
enum err key_find(struct db *db, struct span hash, int64_t *id) MUST_CHECK;

/* All of them, the oldest first. */
struct key_row {
    struct span name; /* borrowed from the rows */
    int64_t created_us;
    int64_t revoked_us; /* 0: valid */
};
enum err key_list(struct db *db, struct db_result *rows) MUST_CHECK;
void key_row_get(const struct db_result *rows, int row, struct key_row *out);

#endif
