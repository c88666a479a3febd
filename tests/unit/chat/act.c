/* See act.h. */
#include "tests/unit/chat/act.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void set(struct conf *conf, const char *name, const char *value)
{
    struct buf problem;
    buf_init(&problem, 4096);
    enum err err = conf_set(conf, name, value, &problem);
    if (err)
        print_error("%s\n", problem.data);
    assert_int_equal(err, ERR_OK);
    buf_release(&problem);
}

int act_setup(void **state)
{
    world_setup(state);
    struct world *world = *state;
    act_set(world, "auth.secret", "0123456789abcdef0123456789abcdef");
    act_set(world, "auth.hash_ops", "1");
    act_set(world, "auth.hash_bytes", "8192");
    return 0;
}

int act_teardown(void **state)
{
    return world_teardown(state);
}

void act_set(struct world *world, const char *name, const char *value)
{
    chat_free(world->chat);
    set(world->conf, name, value);
    world->chat = chat_new(world->conf);
}

struct chat_actor act_user(struct world *world, const char *username)
{
    (void)world;
    return world_actor(world_user(username), username);
}

void act_finish(struct chat_command *command, struct db *db)
{
    enum chat_progress progress;
    while ((progress = chat_command_run(command, db)) != CHAT_DONE)
        if (progress == CHAT_HASH)
            chat_command_hash(command);
}

struct chat_command *act_command(struct world *world, enum chat_verb verb,
                                 const struct chat_actor *actor, const char *json)
{
    struct chat_command *command = chat_command_new(world->chat, chat_command_def(verb), actor);
    if (chat_command_decode(command, span_of(json)) == ERR_OK)
        act_finish(command, world->db);
    return command;
}

enum err act_do(struct world *world, enum chat_verb verb, const struct chat_actor *actor,
                const char *json)
{
    struct chat_command *command = act_command(world, verb, actor, json);
    enum err err = chat_command_error(command);
    chat_command_free(command);
    return err;
}

void assert_body_has(const struct chat_command *command, const char *text)
{
    struct buf body;
    buf_init(&body, BUF_MAX_DEFAULT);
    chat_command_body(command, &body);
    bool found = strstr(body.data, text) != NULL;
    if (!found)
        print_error("no %s in %s\n", text, body.data);
    buf_release(&body);
    assert_true(found);
}
