/*
 * The schema's history: which migrations a database has had. Used by parleyctl migrate alone, as
 * the owner of the schema.
 */
#ifndef PARLEY_STORE_MIGRATION_H
#define PARLEY_STORE_MIGRATION_H

#include "shared/base/buf.h"
#include "shared/db/db.h"

/* One migration; the text is the whole file. */
struct migration {
    int64_t version;   /* 1, 2, 3, ... */
    char *name;        /* "0001_init"; owned; only [0-9A-Za-z_] (checked by who makes it) */
    char *sql;         /* owned */
    char checksum[33]; /* hexadecimal digest of the file */
};

/* Wait for the lock that lets one migrator work at a time (held until the connection closes), and
 * make the table that remembers. */
enum err migration_begin(struct db *db) MUST_CHECK;

/* Was `migration` applied? *applied; then *checksum gets the checksum of that day. */
enum err migration_find(struct db *db, int64_t version, bool *applied,
                        struct buf *checksum) MUST_CHECK;

/* Run it and remember it, in one transaction. */
enum err migration_apply(struct db *db, const struct migration *migration) MUST_CHECK;

/* Rows that a restore brought from another cluster carry transaction ids of its own, which may lie
 * ahead here: the sweep would find them anew every time, and the index of messages wait for them.
 * Such ids become ones of the past. Costs nothing where there are none. */
enum err migration_settle(struct db *db) MUST_CHECK;

/* The highest version applied; 0: none. */
enum err migration_version(struct db *db, int64_t *version) MUST_CHECK;

#endif
