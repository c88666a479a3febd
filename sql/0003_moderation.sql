-- Moderation: what was done to whom, and finding what has run out or is in force.

-- What owners and admins did in a room, for them to read. Written in the transaction of the change,
-- under the room's lock: a room's entries are in the order of their ids.
create table audit_entry (
    id         bigint generated always as identity primary key,
    room_id    bigint not null references room,
    at         timestamptz not null,
    actor_id   bigint not null references app_user,
    action     text not null,                    -- the command's name, such as banUser
    subject_id bigint references app_user,       -- whom it was done to
    until      timestamptz,                      -- muteUser, banUser; infinity: for good
    reason     text,
    details    jsonb                             -- of the channel: what it became; never a password
);
create index audit_of_room on audit_entry (room_id, id);
create index audit_of_subject on audit_entry (room_id, subject_id, id) where subject_id is not null;

-- What the brokers' sweeps look for: nothing, as a rule.
create index membership_mute_ends on membership (muted_until) where muted_until is not null;
create index membership_ban_ends on membership (banned_until) where banned_until is not null;

-- What is in force in a room, however many members it has.
create index membership_muted on membership (room_id, user_id) where muted_until is not null;
create index membership_banned on membership (room_id, user_id) where banned_until is not null;

grant select, insert on audit_entry to parley_app;
