-- What deleting an account looks for by its user.

-- The rows of membership of those who are not in the room any more; those of members are in
-- membership_of_user. Not by last_read_seq itself: an index that names it, in its condition too, would
-- make each markRead write to all indexes of the table.
create index membership_of_past_member on membership (user_id) where not is_member;

create index recovery_session_of_user on recovery_session (user_id);
