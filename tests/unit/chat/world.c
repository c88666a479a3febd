/* See world.h. */
#include "tests/unit/chat/world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

int world_setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct buf problem;

    buf_init(&problem, BUF_MAX_DEFAULT);
    assert_int_equal(conf_load(NULL, &world->conf, &problem), ERR_OK);
    assert_int_equal(conf_set(world->conf, "limits.sends_per_s", "0", &problem), ERR_OK);
    buf_release(&problem);
    world->chat = chat_new(world->conf);
    pg_reset();
    world->db = pg_open();
    *state = world;
    return 0;
}

int world_teardown(void **state)
{
    struct world *world = *state;

    db_close(world->db);
    chat_free(world->chat);
    conf_free(world->conf);
    free(world);
    return 0;
}

void world_sql(const char *fmt, ...)
{
    char sql[4096];
    va_list args;

    va_start(args, fmt);
    assert_in_range(vsnprintf(sql, sizeof sql, fmt, args), 1, sizeof sql - 1);
    va_end(args);
    pg_exec(sql);
}

int64_t world_user(const char *name)
{
    world_sql("insert into app_user (username, username_key) values ('%s', lower('%s'));"
              "insert into session (user_id, expires_at)"
              " select max(id), now() + interval '1 day' from app_user",
              name, name);
    assert_int_equal(pg_int("select max(id) from app_user"), pg_int("select max(id) from session"));
    return pg_int("select max(id) from app_user");
}

struct chat_actor world_actor(int64_t user, const char *name)
{
    struct chat_actor actor = {.user_id = user, .session_id = user, .address = "127.0.0.1"};

    snprintf(actor.username, sizeof actor.username, "%s", name);
    return actor;
}

int64_t world_room(const char *name)
{
    world_sql("insert into room (name, status) values ('%s', 'PUBLIC');"
              "insert into room_name (name_key, room_id) select '%s', max(id) from room",
              name, name);
    return pg_int("select max(id) from room");
}

int64_t world_direct(const char *name, int64_t low, int64_t high)
{
    world_sql("insert into room (name, status, direct_low, direct_high)"
              " values ('%s', 'DIRECT', %lld, %lld);"
              "insert into room_name (name_key, room_id) select '%s', max(id) from room",
              name, (long long)low, (long long)high, name);
    return pg_int("select max(id) from room");
}

void world_member(int64_t room, int64_t user)
{
    world_sql("insert into membership (room_id, user_id, is_member, role)"
              " values (%lld, %lld, true, 'USER')",
              (long long)room, (long long)user);
}

void world_messages(int64_t room, int64_t user, int count)
{
    world_sql("insert into room_event (room_id, seq, kind, actor_id, text, at)"
              " select r.id, r.last_seq + i, 1, %lld, 'm' || r.last_seq + i,"
              "  '2026-01-01T00:00:00Z'::timestamptz + (r.last_seq + i) * interval '1 second'"
              " from room r, generate_series(1, %d) i where r.id = %lld;"
              "update room set last_seq = last_seq + %d where id = %lld",
              (long long)user, count, (long long)room, count, (long long)room);
}

struct chat_command *world_send(struct world *world, int64_t user, const char *room,
                                const char *text, const char *nonce)
{
    struct chat_actor actor = world_actor(user, "somebody");
    struct chat_command *send =
        chat_command_new(world->chat, chat_command_def(CHAT_SEND_MESSAGE), &actor);
    char json[1024];

    snprintf(json, sizeof json,
             nonce ? "{\"room\":\"%s\",\"text\":\"%s\",\"nonce\":\"%s\"}"
                   : "{\"room\":\"%s\",\"text\":\"%s\"}",
             room, text, nonce);
    assert_int_equal(chat_command_decode(send, span_of(json)), ERR_OK);
    return send;
}
