-- What a site's own backend may do (docs/EVENTS.md, "From the site's backend"): keys, and the nonces of
-- what it publishes to users. A room's rows have theirs.

create table api_key (
    id         bigint generated always as identity primary key,
    name       text not null,
    hash       bytea not null unique,            -- of the key, which only its owner has
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);
create unique index api_key_name on api_key (name) where revoked_at is null;
grant select, insert, update on api_key to parley_app;

alter table inbox_event add column nonce text, add column body_hash bytea;
create unique index inbox_event_nonce on inbox_event (user_id, nonce) where nonce is not null;
