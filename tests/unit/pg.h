/* For unit tests that need PostgreSQL: a real one, private, made by tests/lib/pg.sh. */
#ifndef PARLEY_TESTS_UNIT_PG_H
#define PARLEY_TESTS_UNIT_PG_H

#include "shared/db/db.h"

/* First thing in main: without PARLEY_TEST_PG, run this program again under tests/lib/pg.sh (which
 * ends with 77, skipped, where no server is installed). */
void pg_require(char **argv);

/* A connection of the application's role / of the superuser. */
struct db *pg_open(void);
struct db *pg_open_super(void);

/* Run SQL text as the superuser; fails the test if it fails. */
void pg_exec(const char *sql);

/* Run SQL (a constant) that returns one integer, as the superuser. */
int64_t pg_int(const char *sql);

/* The same on the given connection, inside its transaction if it has one. */
int64_t pg_int_on(struct db *db, const char *sql);

/* Empty every table and start the ids again at 1. */
void pg_reset(void);

#endif
