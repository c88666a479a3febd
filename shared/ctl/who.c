/* parleyctl user list, user show and session list, see who.h. */
#include "shared/ctl/who.h"

#include <inttypes.h>

#include "shared/base/clock.h"
#include "shared/chat/rules.h"
#include "shared/ctl/output.h"
#include "shared/store/overview.h"

#define PAGE 1000

static void write_user(struct json_writer *w, const struct overview_user *user)
{
    json_int(w, "id", user->id);
    json_string(w, "username", user->name);
    json_date(w, "createdAt", user->created_us);
    json_bool(w, "disabled", user->disabled_us != 0);
    if (user->disabled_us)
        json_date(w, "disabledAt", user->disabled_us);
    json_int(w, "sessions", user->sessions);
    json_int(w, "rooms", user->rooms);
}

static enum err find(struct ctl *ctl, struct db_result *rows, struct overview_user *user)
{
    struct buf key;
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_username_key(span_of(ctl->name), &key);
    enum err err = overview_find_user(ctl->db, buf_span(&key), rows);
    buf_release(&key);
    if (!err)
        overview_user(rows, 0, user);
    return err;
}

/* ---- user list ---- */

static enum err add_users(struct ctl *ctl, struct output *out, int64_t *after_id, int *count)
{
    struct db_result rows = {0};
    struct overview_user user;
    enum err err = overview_users(ctl->db, *after_id, PAGE, &rows, count);
    for (int row = 0; row < *count; row++) {
        overview_user(&rows, row, &user);
        json_object(&out->w, NULL);
        write_user(&out->w, &user);
        json_object_end(&out->w);
        buf_addf(&out->text, "\n%8" PRId64 " %-8s %8" PRId64 " %8" PRId64 "  %.*s", user.id,
                 user.disabled_us ? "disabled" : "enabled", user.sessions, user.rooms,
                 (int)user.name.len, user.name.ptr);
        *after_id = user.id;
    }
    db_result_release(&rows);
    return err;
}

enum ctl_exit ctl_user_list(struct ctl *ctl)
{
    struct output out;
    int64_t after_id = 0;
    int count = PAGE;
    enum err err = ERR_OK;
    output_init(&out);
    buf_addf(&out.text, "%8s %-8s %8s %8s  %s", "ID", "STATE", "SESSIONS", "ROOMS", "NAME");
    json_array(&out.w, "users");
    while (!err && count == PAGE)
        err = add_users(ctl, &out, &after_id, &count);
    json_array_end(&out.w);
    return output_end(ctl, &out, err);
}

/* ---- user show ---- */

static void describe(struct buf *text, const struct overview_user *user)
{
    char created[CLOCK_ISO_SIZE], disabled[CLOCK_ISO_SIZE] = "no";
    clock_iso(user->created_us, created);
    if (user->disabled_us)
        clock_iso(user->disabled_us, disabled);
    buf_addf(text,
             "id        %" PRId64 "\nusername  %.*s\ncreated   %s\ndisabled  %s\n"
             "sessions  %" PRId64 "\nrooms     %" PRId64,
             user->id, (int)user->name.len, user->name.ptr, created, disabled, user->sessions,
             user->rooms);
}

enum ctl_exit ctl_user_show(struct ctl *ctl)
{
    struct output out;
    struct db_result rows = {0};
    struct overview_user user;
    output_init(&out);
    enum err err = find(ctl, &rows, &user);
    if (!err) {
        write_user(&out.w, &user);
        describe(&out.text, &user);
    }
    db_result_release(&rows);
    return output_end(ctl, &out, err);
}

/* ---- session list ---- */

static void add_session(struct output *out, const struct overview_session *session)
{
    char created[CLOCK_ISO_SIZE], used[CLOCK_ISO_SIZE], expires[CLOCK_ISO_SIZE];
    clock_iso(session->created_us, created);
    clock_iso(session->used_us, used);
    clock_iso(session->expires_us, expires);
    json_object(&out->w, NULL);
    json_int(&out->w, "id", session->id);
    json_date(&out->w, "createdAt", session->created_us);
    json_date(&out->w, "usedAt", session->used_us);
    json_date(&out->w, "expiresAt", session->expires_us);
    json_object_end(&out->w);
    buf_addf(&out->text, "\n%8" PRId64 " %s %s %s", session->id, created, used, expires);
}

static enum err add_sessions(struct ctl *ctl, struct output *out, int64_t user_id,
                             int64_t *after_id, int *count)
{
    struct db_result rows = {0};
    struct overview_session session;
    enum err err = overview_sessions(ctl->db, user_id, *after_id, PAGE, &rows, count);
    for (int row = 0; row < *count; row++) {
        overview_session(&rows, row, &session);
        add_session(out, &session);
        *after_id = session.id;
    }
    db_result_release(&rows);
    return err;
}

enum ctl_exit ctl_session_list(struct ctl *ctl)
{
    struct output out;
    struct db_result rows = {0};
    struct overview_user user;
    int64_t after_id = 0;
    int count = PAGE;
    output_init(&out);
    enum err err = find(ctl, &rows, &user);
    buf_addf(&out.text, "%8s %-24s %-24s %s", "ID", "CREATED", "USED", "EXPIRES");
    if (!err)
        json_string(&out.w, "username", user.name);
    json_array(&out.w, "sessions");
    while (!err && count == PAGE)
        err = add_sessions(ctl, &out, user.id, &after_id, &count);
    json_array_end(&out.w);
    db_result_release(&rows);
    return output_end(ctl, &out, err);
}
