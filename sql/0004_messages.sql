-- Search (docs/decisions/0007-search-is-indexed-behind-the-log.md). Nothing here is touched when a
-- message is sent: brokers bring it up to date from the log, a few seconds behind.

create table message_search (
    room_id bigint not null,
    seq     bigint not null,
    words   text[] not null,                     -- "room:word": one look-up finds a room's own
    primary key (room_id, seq)
);
create index message_search_words on message_search using gin (words) with (fastupdate = off);

-- One row: what transactions before this one wrote is in message_search.
create table search_state (
    only_one boolean primary key default true check (only_one),
    xid      xid8 not null
);
insert into search_state (xid) values ('0');

grant select, insert, update, delete on message_search to parley_app;
grant select, insert, update on search_state to parley_app;
