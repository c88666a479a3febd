-- What a kept page of messages is checked against besides its room's last_seq: the names of authors
-- (docs/decisions/0016-pages-that-are-asked-for-again.md).

-- One row: how often a user's name was changed, by whatever program.
create table name_changes (
    only_one boolean primary key default true check (only_one),
    changes  bigint not null
);
insert into name_changes (changes) values (0);

create function count_name_change() returns trigger language plpgsql security definer
set search_path from current as $$
begin
    insert into name_changes (changes) values (1)
        on conflict (only_one) do update set changes = name_changes.changes + 1;
    return null;
end
$$;

create trigger name_change after update of username on app_user for each row
    when (old.username is distinct from new.username) execute function count_name_change();

grant select on name_changes to parley_app;
