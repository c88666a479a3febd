/* A small world for tests of shared/chat: users with a session, rooms, members, made with SQL so
 * that each test stands on data it can see. Needs PostgreSQL (tests/unit/pg.h). */
#ifndef PARLEY_TESTS_UNIT_CHAT_WORLD_H
#define PARLEY_TESTS_UNIT_CHAT_WORLD_H

#include "shared/chat/command_internal.h"
#include "shared/chat/read.h"
#include "tests/unit/pg.h"

struct world {
    struct conf *conf;
    struct chat *chat;
    struct db *db;
};

/* cmocka fixtures: an empty database and a context without rate limits. */
int world_setup(void **state);
int world_teardown(void **state);

/* printf-like SQL as the superuser. */
void world_sql(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* A user with one session; both have the returned id. */
int64_t world_user(const char *name);
struct chat_actor world_actor(int64_t user, const char *name);

/* An empty room; its key is `name`. */
int64_t world_room(const char *name);
int64_t world_direct(const char *name, int64_t low, int64_t high);
void world_member(int64_t room, int64_t user);

/* Rows of the log as they would be after `count` messages "m<seq>" of `user`. */
void world_messages(int64_t room, int64_t user, int count);

/* A decoded sendMessage; nonce NULL: none given. */
struct chat_command *world_send(struct world *world, int64_t user, const char *room,
                                const char *text, const char *nonce);

#endif
