/* Users of an outside issuer, see foreign.h. Tokens are verified in shared/auth. */
#include "shared/store/foreign.h"

#include "shared/store/field.h"

/* One at a time for each identity. What follows are statements of their own: they see what whoever
 * had the lock has written. */
static const struct db_stmt lock = {
    .name = "foreign_lock",
    .sql = "select pg_advisory_xact_lock(hashtextextended($1::text || ' ' || $2::text, 0))",
    .params = 2,
};

/* Nothing is made if the name is taken between the look and the insert. */
static const struct db_stmt provision = {
    .name = "foreign_provision",
    .sql = "with made as (insert into app_user (username, username_key)"
           "  select c.name, lower(c.name collate \"C\")"
           "  from unnest($3::text[]) with ordinality as c (name, nth)"
           "  where not exists (select 1 from foreign_identity where issuer = $1 and subject = $2)"
           "  and not exists (select 1 from app_user"
           "   where username_key = lower(c.name collate \"C\"))"
           "  order by c.nth limit 1 on conflict (username_key) do nothing returning id)"
           " insert into foreign_identity (issuer, subject, user_id) select $1, $2, id from made",
    .params = 3,
};

/* Tokens of the user that have expired are forgotten: they are refused without a look at them.
 * Their sessions are closed, so that those that are open stay few; one that somebody has locked,
 * another time. */
static const struct db_stmt open_token = {
    .name = "foreign_open",
    .sql =
        "with known as (select user_id from foreign_identity where issuer = $1 and subject = $2),"
        " who as (select u.id, u.username from known join app_user u on u.id = known.user_id"
        "  where u.disabled_at is null and u.deleted_at is null),"
        " seen as (select session_id from foreign_token where digest = $3),"
        " opened as (insert into session (user_id, expires_at)"
        "  select id, to_timestamp($4::bigint) from who where not exists (select 1 from seen)"
        "  returning id),"
        " noted as (insert into foreign_token (digest, session_id, user_id, expires_at)"
        "  select $3, opened.id, who.id, to_timestamp($4::bigint) from opened, who),"
        " forgotten as (delete from foreign_token t using who"
        "  where t.user_id = who.id and t.expires_at < now() - interval '1 minute'),"
        " over as (select s.id from session s join who on s.user_id = who.id"
        "  where s.ended_at is null and s.expires_at < now() - interval '1 minute'"
        "  order by s.id limit 100 for update of s skip locked),"
        " closed as (update session s set ended_at = s.expires_at from over where s.id = over.id)"
        " select exists (select 1 from known), who.id, who.username,"
        "  coalesce((select session_id from seen), (select id from opened))"
        " from (select 1) one left join who on true",
    .params = 4,
};

enum err foreign_identify(struct db *db, const struct foreign_seen *seen, struct foreign_user *out)
{
    const struct db_param identity[] = {db_param_text(seen->issuer), db_param_text(seen->subject)};
    const struct db_param user[] = {identity[0], identity[1],
                                    db_param_texts(seen->names, seen->name_count)};
    const struct db_param token[] = {identity[0], identity[1], db_param_bytes(seen->digest),
                                     db_param_int(seen->expires_s)};
    struct db_result rows = {0};
    const struct db_call calls[] = {
        {&lock, identity, 2, NULL}, {&provision, user, 3, NULL}, {&open_token, token, 4, &rows}};
    enum err err = db_pipeline(db, DB_BEGIN | DB_COMMIT, calls, 3);
    *out = (struct foreign_user){0};
    if (!err && db_result_is_null(&rows, 0, 1))
        err = db_result_bool(&rows, 0, 0) ? ERR_UNAUTHENTICATED : ERR_NAME_TAKEN;
    if (!err) {
        out->user_id = db_result_int(&rows, 0, 1);
        FIELD_COPY(out->username, db_result_text(&rows, 0, 2));
        out->session_id = db_result_int(&rows, 0, 3);
    }
    db_result_release(&rows);
    return err;
}
