/* Signup, login, and who a token speaks of. Passwords as in parley: Argon2id, 19 MiB, two rounds. */
import { Algorithm, hash, verify } from '@node-rs/argon2';
import {
  CanActivate, ExecutionContext, Injectable,
} from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { ChatError, type User } from './chat.js';
import { Database, isUnique } from './database.js';

const COST = { algorithm: Algorithm.Argon2id, memoryCost: 19456, timeCost: 2, parallelism: 1 };
const ACCESS_SECONDS = Number(process.env.PEER_ACCESS_SECONDS ?? 3600);

const SIGNUP = `
insert into app_user (username, username_key, password_hash) values ($1, $2, $3)
returning id, username, created_at`;
const LOGIN = `
select id, username, created_at, password_hash from app_user where username_key = $1`;

interface UserRow extends User {
  created_at: Date;
  password_hash: string;
}

const refused = () => new ChatError('unauthenticated', 401, 'Not logged in');

@Injectable()
export class Accounts {
  constructor(private readonly database: Database, private readonly jwt: JwtService) {}

  async signup(username: string, password: string) {
    try {
      const [row] = await this.database.run<UserRow>('signup', SIGNUP,
        [username, username.toLowerCase(), await hash(password, COST)]);
      return this.opened(row);
    } catch (error) {
      if (!isUnique(error, 'app_user_username_key_key')) throw error;
      throw new ChatError('name_taken', 409, 'The name is taken');
    }
  }

  async login(username: string, password: string) {
    const [row] = await this.database.run<UserRow>('login', LOGIN, [username.toLowerCase()]);
    if (!row || !await verify(row.password_hash, password)) throw refused();
    return this.opened(row);
  }

  /** The user of a token, with or without "Bearer". */
  userOf(token: unknown): User {
    if (typeof token !== 'string') throw refused();
    try {
      const claims = this.jwt.verify<{ sub: string; name: string }>(token.replace(/^Bearer /i, ''));
      return { id: Number(claims.sub), username: claims.name };
    } catch {
      throw refused();
    }
  }

  private opened(row: UserRow) {
    const subject = { subject: String(row.id) };
    return {
      accessToken: this.jwt.sign({ name: row.username }, { ...subject, expiresIn: ACCESS_SECONDS }),
      refreshToken: this.jwt.sign({ refresh: true }, { ...subject, expiresIn: '30d' }),
      expiresIn: ACCESS_SECONDS,
      user: { username: row.username, createdAt: row.created_at.toISOString() },
    };
  }
}

@Injectable()
export class Authenticated implements CanActivate {
  constructor(private readonly accounts: Accounts) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest();
    request.user = this.accounts.userOf(request.headers.authorization);
    return true;
  }
}
