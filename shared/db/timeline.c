/*
 * Which history of the cluster a connection is on. PostgreSQL begins a new timeline whenever a
 * standby is promoted (or a backup restored to a point in time), and what the old one had and had
 * not shipped is gone from it. A process never goes back to an older timeline than it has seen:
 * that would be an old primary which came back by itself.
 *
 * Source: PostgreSQL documentation, "Timelines" (25.3.5) and "WAL file names" (pg_walfile_name).
 */
#include "shared/db/db_internal.h"

#include <stdlib.h>

#include "shared/base/clock.h"

/* The first eight hexadecimal digits of a WAL file's name. A standby writes no WAL of its own. */
static const char timeline_sql[] = "select case when pg_is_in_recovery() then '0'"
                                   " else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end";

uint32_t db_fence_timeline(const struct db_fence *fence)
{
    return fence ? __atomic_load_n(&fence->timeline, __ATOMIC_ACQUIRE) : 0;
}

/* False: the fence is past it already. The first timeline that a process sees is no change. */
static bool fence_pass(struct db_fence *fence, uint32_t timeline)
{
    uint32_t seen = db_fence_timeline(fence);

    while (fence && seen < timeline) {
        if (seen != 0)
            __atomic_store_n(&fence->changed_ms, clock_mono_ms(), __ATOMIC_RELEASE);
        if (__atomic_compare_exchange_n(&fence->timeline, &seen, timeline, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            return true;
    }
    return seen <= timeline;
}

void db_set_fence(struct db *db, struct db_fence *fence)
{
    db->fence = fence;
}

uint32_t db_timeline(const struct db *db)
{
    return db ? db->timeline : 0;
}

bool db_timeline_is_young(const struct db *db, int64_t ms)
{
    int64_t changed = db->fence ? __atomic_load_n(&db->fence->changed_ms, __ATOMIC_ACQUIRE) : 0;

    return changed != 0 && clock_mono_ms() - changed < ms;
}

bool db_is_outdated(const struct db *db)
{
    return db->timeline < db_fence_timeline(db->fence);
}

static enum err ask(struct db *db, int64_t deadline_ms, uint32_t *timeline)
{
    PGresult *result;
    enum err err = ERR_DB_FAILED;

    if (!PQsendQuery(db->pg, timeline_sql))
        return ERR_DB_FAILED;
    for (;;) {
        if (db_connection_wait(db, deadline_ms) != ERR_OK)
            return ERR_DB_LOST;
        result = PQgetResult(db->pg);
        if (!result)
            return err;
        if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
            *timeline = (uint32_t)strtoul(PQgetvalue(result, 0, 0), NULL, 16);
            err = ERR_OK;
        }
        PQclear(result);
    }
}

const char *db_timeline_learn(struct db *db, int64_t deadline_ms)
{
    uint32_t timeline = 0;
    enum err err = ask(db, deadline_ms, &timeline);

    if (err != ERR_OK)
        return err == ERR_DB_LOST ? "lost while asking for its timeline" : "tells no timeline";
    if (timeline == 0)
        return "a standby";
    if (!fence_pass(db->fence, timeline))
        return "on an older timeline: a primary that was replaced";
    db->timeline = timeline;
    return NULL;
}
