/* One step of a broker's presence, see presence.h. */
#include "shared/chat/presence.h"

#include "shared/base/mem.h"
#include "shared/store/presence.h"

/* Members of the rooms whose state is read at a time. */
#define STATE_BUDGET 20000

static void add(struct chat_presence *step, const struct presence_row *from, int what)
{
    struct chat_presence_row *row;

    if (step->row_count == step->row_cap) {
        step->row_cap = step->row_cap ? step->row_cap * 2 : 16;
        step->rows = mem_regrow(step->rows, step->row_cap, sizeof *step->rows);
    }
    row = &step->rows[step->row_count++];
    *row = (struct chat_presence_row){
        .room_id = from->room_id, .room_name = mem_span_dup(from->room_name), .what = what};
    if (span_present(from->username))
        snprintf(row->username, sizeof row->username, "%.*s", (int)from->username.len,
                 from->username.ptr);
}

static void add_all(struct chat_presence *step, const struct db_result *rows, int what)
{
    struct presence_row row;

    for (int i = 0; rows->pg && i < db_result_rows(rows); i++) {
        if (presence_row(rows, i, &row))
            add(step, &row, what);
    }
}

static enum err change(struct db *db, struct chat_presence *step)
{
    struct presence_rows rows = {0};
    struct presence_change change = {
        .broker = span_of(step->broker),
        .lease_ms = step->enroll ? step->lease_ms : 0,
        .came = step->came,
        .came_count = step->came_count,
        .gone = step->gone,
        .gone_count = step->gone_count,
        .again = step->again,
        .bury = step->bury,
        .max_members = step->max_members,
    };
    enum err err;

    if (!step->enroll && step->came_count == 0 && step->gone_count == 0 && !step->bury)
        return ERR_OK;
    err = presence_change(db, &change, &rows);
    if (err == ERR_OK) {
        add_all(step, &rows.gone, CHAT_WENT_OFFLINE);
        add_all(step, &rows.buried, CHAT_WENT_OFFLINE);
        add_all(step, &rows.came, CHAT_CAME_ONLINE);
        step->more = step->bury && presence_buried(&rows) > 0;
    }
    presence_rows_release(&rows);
    return err;
}

static enum err read_state(struct db *db, struct chat_presence *step)
{
    struct db_result rows = {0};
    struct presence_row row;
    enum err err;

    if (step->room_count == 0)
        return ERR_OK;
    err = presence_state(db, step->rooms, step->room_count, step->max_members, STATE_BUDGET, &rows);
    for (int i = 0; err == ERR_OK && i < db_result_rows(&rows); i++) {
        if (presence_row(&rows, i, &row))
            add(step, &row, presence_fits(&rows, i) ? CHAT_IS_ONLINE : CHAT_ASK_AGAIN);
    }
    db_result_release(&rows);
    return err;
}

enum err chat_presence_step(struct db *db, struct chat_presence *step)
{
    bool alive = true;
    enum err err = ERR_OK;

    step->lost = step->dead = step->more = false;
    if (step->renew)
        err = presence_renew(db, span_of(step->broker), step->lease_ms, &alive, &step->dead);
    step->lost = !alive;
    if (err == ERR_OK && alive)
        err = change(db, step);
    if (err == ERR_OK && alive)
        err = read_state(db, step);
    return err;
}

void chat_presence_release(struct chat_presence *step)
{
    for (size_t i = 0; i < step->row_count; i++)
        mem_free(step->rows[i].room_name);
    mem_free(step->rows);
    step->row_count = step->row_cap = 0;
}
