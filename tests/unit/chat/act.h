/* Acting in tests of the chat rules: users with sessions, commands run to their end. */
#ifndef PARLEY_TESTS_UNIT_CHAT_ACT_H
#define PARLEY_TESTS_UNIT_CHAT_ACT_H

#include "tests/unit/chat/world.h"

/* Fixtures: those of world.h, with a secret and cheap hashes. */
int act_setup(void **state);
int act_teardown(void **state);

/* Change a setting; the chat context is made anew (its limits are forgotten). */
void act_set(struct world *world, const char *name, const char *value);

/* A user with a session, as its actor. */
struct chat_actor act_user(struct world *world, const char *username);

/* Decode and run to the end; the result is the caller's (chat_command_free). */
struct chat_command *act_command(struct world *world, enum chat_verb verb,
                                 const struct chat_actor *actor, const char *json);
/* Run one that was made elsewhere to the end, on `db`. */
void act_finish(struct chat_command *command, struct db *db);

/* The same, and only its error. */
enum err act_do(struct world *world, enum chat_verb verb, const struct chat_actor *actor,
                const char *json);

/* Does the command's answer contain `text`? Fails the test, printing the answer, if not. */
void assert_body_has(const struct chat_command *command, const char *text);

#endif
