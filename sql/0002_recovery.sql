-- Sessions of clients that a stopping broker hands over to whichever broker they come back to
-- (docs/decisions/0006-who-has-a-session.md). A row works once, and only for its user.

create table recovery_session (
    pid        text primary key,                 -- secret
    user_id    bigint not null references app_user,
    record     text not null,                    -- broker/gateway/record.c
    expires_at timestamptz not null
);
create index recovery_session_expires on recovery_session (expires_at);

grant select, insert, update, delete on recovery_session to parley_app;
