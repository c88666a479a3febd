-- The first schema: users, sessions, rooms and the two logs (docs/ARCHITECTURE.md, "Two logs").
-- Run by parleyctl migrate as the owner; the application's role gets only what it uses.

create table app_user (
    id            bigint generated always as identity primary key,
    username      text not null,
    username_key  text not null unique,          -- lower case; never reused
    password_hash text,                          -- null: cannot log in with a password
    inbox_seq     bigint not null default 0,     -- last seq of the user's inbox; taken under this row's lock
    created_at    timestamptz not null default now(),
    disabled_at   timestamptz,
    deleted_at    timestamptz
) with (fillfactor = 80);                        -- room on the page for the next inbox_seq (HOT updates)

create table session (
    id          bigint generated always as identity primary key,
    user_id     bigint not null references app_user,
    generation  bigint not null default 1,       -- of the refresh token that is valid now
    rotated_at  timestamptz not null default now(),
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null,
    ended_at    timestamptz
);
create index session_of_user on session (user_id) where ended_at is null;

create table room (
    id            bigint generated always as identity primary key,
    name          text not null,
    status        text not null check (status in ('PUBLIC', 'PRIVATE', 'DIRECT')),
    password_hash text,
    last_seq      bigint not null default 0,     -- taken under this row's lock: commit order is seq order
    members       bigint not null default 0,     -- how many memberships are; changed with them, under the lock
    created_at    timestamptz not null default now(),
    archived_at   timestamptz,
    direct_low    bigint references app_user,    -- a direct room's two users, smaller id first
    direct_high   bigint references app_user,
    check ((status = 'DIRECT') = (direct_low is not null and direct_high is not null)),
    check (direct_low < direct_high),
    check ((status = 'PRIVATE') = (password_hash is not null)),
    unique (direct_low, direct_high)
) with (fillfactor = 50);                        -- each batch of messages updates last_seq in place (HOT)

create index room_public on room (id) where status = 'PUBLIC' and archived_at is null;

-- Every name a room ever had leads to it; names are never reused for another room.
create table room_name (
    name_key text primary key,                   -- NFKC, case-folded
    room_id  bigint not null references room,
    at       timestamptz not null default now()
);
create index room_name_of_room on room_name (room_id);

-- A row stays when its member leaves: a ban or a mute outlives membership.
create table membership (
    room_id       bigint not null references room,
    user_id       bigint not null references app_user,
    is_member     boolean not null,
    role          text check (role in ('OWNER', 'ADMIN', 'USER')), -- null in direct rooms
    joined_at     timestamptz not null default now(),
    joined_seq    bigint not null default 0,
    muted_until   timestamptz,
    banned_until  timestamptz,
    last_read_seq bigint not null default 0,
    primary key (room_id, user_id)
);
create index membership_of_user on membership (user_id) where is_member;

-- A room's log. One row = one seq = one emit. No foreign keys to room and app_user: what writes a row
-- holds the room's lock and has just read the user, neither is ever deleted, and their checks were a
-- fifth of a message's cost (8 of 38 us), each locking a row of app_user besides.
create table room_event (
    room_id    bigint not null,
    seq        bigint not null,
    kind       smallint not null,                -- shared/chat/event.h
    actor_id   bigint,                           -- app_user; null: the system
    subject_id bigint,                           -- app_user: the member that a membership row is about
    target_seq bigint,                           -- the message an edit or delete is about
    text       text,                             -- a message's present text; null once deleted
    payload    jsonb,                            -- the other kinds' data
    at         timestamptz not null,
    edited_at  timestamptz,
    deleted_at timestamptz,
    nonce      text,
    body_hash  bytea,
    xid        xid8 not null default pg_current_xact_id(),
    primary key (room_id, seq),
    unique (room_id, actor_id, nonce)
);
create index room_event_xid on room_event (xid);  -- the sweep

-- A user's log: what concerns the user's sockets.
create table inbox_event (
    user_id    bigint not null references app_user,
    seq        bigint not null,
    kind       smallint not null,
    actor_id   bigint,
    room_id    bigint references room,
    room_seq   bigint,
    session_id bigint,
    payload    jsonb,
    at         timestamptz not null default now(),
    xid        xid8 not null default pg_current_xact_id(),
    primary key (user_id, seq)
);
create index inbox_event_xid on inbox_event (xid);

create table user_block (
    blocker_id bigint not null references app_user,
    blocked_id bigint not null references app_user,
    at         timestamptz not null default now(),
    primary key (blocker_id, blocked_id),
    check (blocker_id <> blocked_id)
);

-- parley_app is the role that brokers and workers use.
grant select, insert, update on app_user, session, room, membership to parley_app;
grant select, insert on room_name, inbox_event to parley_app;
grant select, insert, update on room_event to parley_app;
grant select, insert, delete on user_block to parley_app;
