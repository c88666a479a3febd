/* The pool, and statements that are prepared once on each of its connections. */
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';

const SCHEMA = `
create table if not exists app_user (
  id bigint generated always as identity primary key,
  username text not null,
  username_key text not null unique,
  password_hash text not null,
  created_at timestamptz not null default now()
);
create table if not exists room (
  id bigint generated always as identity primary key,
  name text not null,
  name_key text not null unique,
  last_seq bigint not null default 0,
  created_at timestamptz not null default now()
) with (fillfactor = 50);
create table if not exists membership (
  room_id bigint not null references room,
  user_id bigint not null references app_user,
  primary key (user_id, room_id)
);
create table if not exists message (
  room_id bigint not null references room,
  seq bigint not null,
  user_id bigint references app_user,
  text text not null,
  at timestamptz not null default now(),
  nonce text,
  primary key (room_id, seq)
);
create unique index if not exists message_nonce on message (room_id, user_id, nonce)
  where nonce is not null;
`;

/* bigint as number: ids and seqs stay far below 2^53. */
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** host=... port=... dbname=... user=..., as libpq takes it. */
function parse(conninfo: string): pg.PoolConfig {
  const words = Object.fromEntries(conninfo.split(/\s+/).filter(Boolean)
    .map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]));
  return {
    host: words.host,
    port: words.port ? Number(words.port) : undefined,
    database: words.dbname,
    user: words.user,
    password: words.password,
  };
}

@Injectable()
export class Database implements OnApplicationShutdown {
  private readonly pool = new pg.Pool({
    ...parse(process.env.PEER_PG ?? ''),
    max: Number(process.env.PEER_POOL ?? 10),
    min: 2,
  });

  async migrate(): Promise<void> {
    await this.pool.query(SCHEMA);
  }

  /** Run a statement, prepared under its name. */
  async run<Row>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    return (await this.pool.query({ name, text, values })).rows as Row[];
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}

/** The statement broke the unique constraint. */
export function isUnique(error: unknown, constraint: string): boolean {
  const { code, constraint: broken } = error as { code?: string; constraint?: string };
  return code === '23505' && broken === constraint;
}
