/*
 * How long a row takes in the batch writer: one connection, one batch after the other over 100
 * rooms, durable. Built and run by hand:
 *
 *   make tests/bench/send_bench && PARLEY_TEST_PG_DURABLE=1 tests/lib/pg.sh tests/bench/send_bench
 */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "tests/unit/chat/world.h"

#define ROOMS 100
#define USERS 100
#define BATCH_MAX 256

static struct chat_command *make_send(struct world *world, int i)
{
    char room[16];

    snprintf(room, sizeof room, "room%d", i % ROOMS);
    return world_send(world, 1 + i % USERS, room, "a message of a usual length, not too short",
                      NULL);
}

/* CPU time of a process, microseconds: unlike the clock, hardly disturbed by what else runs. */
static int64_t cpu_us(int64_t pid)
{
    char path[64];
    unsigned long long on_cpu_ns = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%lld/schedstat", (long long)pid);
    file = fopen(path, "r");
    if (file && fscanf(file, "%llu", &on_cpu_ns) != 1)
        on_cpu_ns = 0;
    if (file)
        fclose(file);
    return (int64_t)(on_cpu_ns / 1000);
}

static void measure(struct world *world, size_t size, int rounds)
{
    struct chat_command *sends[BATCH_MAX];
    enum chat_progress progress[BATCH_MAX];
    int64_t spent_us = 0, worst_us = 0, server_us = 0;
    int64_t backend = pg_int_on(world->db, "select pg_backend_pid()");

    for (int round = -20; round < rounds; round++) { /* the first ones prepare and warm up */
        int64_t start, cpu;

        for (size_t i = 0; i < size; i++)
            sends[i] = make_send(world, (round + 20) * (int)size + (int)i);
        cpu = cpu_us(backend);
        start = clock_mono_us();
        chat_send_batch(world->db, sends, progress, size);
        start = clock_mono_us() - start;
        cpu = cpu_us(backend) - cpu;
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(chat_command_error(sends[i]), ERR_OK);
            chat_command_free(sends[i]);
        }
        if (round < 0)
            continue;
        spent_us += start;
        server_us += cpu;
        worst_us = start > worst_us ? start : worst_us;
    }
    printf("batch of %3zu: %6.1f us a row (%5.1f of the server's CPU), %7.2f ms a batch (worst "
           "%7.2f), %6.0f rows/s\n",
           size, (double)spent_us / rounds / (double)size,
           (double)server_us / rounds / (double)size, (double)spent_us / rounds / 1000,
           (double)worst_us / 1000, 1e6 * rounds * (double)size / (double)spent_us);
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {1, 16, 64, 100, 256};
    void *state;
    struct world *world;

    (void)argc;
    pg_require(argv);
    world_setup(&state);
    world = state;
    pg_exec("insert into app_user (username, username_key) select 'u' || i, 'u' || i"
            " from generate_series(1, 100) i;"
            "insert into session (user_id, expires_at) select id, 'infinity' from app_user"
            " order by id;"
            "insert into room (name, status) select 'room' || i, 'PUBLIC'"
            " from generate_series(0, 99) i;"
            "insert into room_name (name_key, room_id) select name, id from room;"
            "insert into membership (room_id, user_id, is_member) select r.id, u.id, true"
            " from room r, app_user u");
    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++)
            measure(world, sizes[j], 100);
    }
    world_teardown(&state);
    return 0;
}
