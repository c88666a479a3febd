-- Who is online (docs/EVENTS.md, "Presence"). Each broker writes which users it has, and keeps a lease; a
-- broker whose lease has ended is dead, and another one takes its users down. What is lost in a crash
-- of PostgreSQL the brokers write again: unlogged.

create unlogged table broker (
    id          text primary key,                -- of one process's life
    lease_until timestamptz not null             -- -infinity: being taken down
);

create unlogged table presence (
    user_id   bigint not null,                   -- app_user
    broker_id text not null,                     -- broker
    primary key (user_id, broker_id)
);
create index presence_of_broker on presence (broker_id);

grant select, insert, update, delete on broker, presence to parley_app;
