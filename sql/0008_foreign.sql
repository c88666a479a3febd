-- Users of an outside issuer of tokens (docs/decisions/0013-users-of-an-outside-issuer.md).

create table foreign_identity (
    issuer     text not null,
    subject    text not null,
    user_id    bigint not null unique references app_user,
    created_at timestamptz not null default now(),
    primary key (issuer, subject)
);

-- A token that was seen is a session, which can be ended.
create table foreign_token (
    digest     bytea primary key,                -- of what is signed
    session_id bigint not null references session,
    user_id    bigint not null references app_user,
    expires_at timestamptz not null
);
create index foreign_token_of_user on foreign_token (user_id, expires_at);

grant select, insert on foreign_identity to parley_app;
grant select, insert, delete on foreign_token to parley_app;
