-- Most messages have no nonce; in a unique index of all they still had a row each: a third of what a
-- message writes to indexes.
create unique index room_event_nonce on room_event (room_id, actor_id, nonce) where nonce is not null;
alter table room_event drop constraint room_event_room_id_actor_id_nonce_key;
