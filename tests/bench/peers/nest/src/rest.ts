/* The REST routes, with the shapes of parley's (swagger.yaml). */
import {
  Body, Controller, Get, HttpCode, Param, Post, Put, Query, Req, Res, UseGuards,
} from '@nestjs/common';
import { Accounts, Authenticated } from './accounts.js';
import { Chat, ChatError, type User } from './chat.js';
import { Gateway } from './gateway.js';

interface Asked {
  user: User;
}

interface Answer {
  status(code: number): unknown;
}

function text(value: unknown, most: number): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > most) {
    throw new ChatError('validation_failed', 400, 'A field is missing or too long');
  }
  return value;
}

function count(value: string | undefined, most: number, missing: number): number {
  if (value === undefined) return missing;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > most) {
    throw new ChatError('validation_failed', 400, 'A number is out of its range');
  }
  return number;
}

@Controller('api/v1/auth')
export class AuthController {
  constructor(private readonly accounts: Accounts) {}

  @Post('signup')
  signup(@Body() body: { username?: unknown; password?: unknown }) {
    return this.accounts.signup(text(body.username, 32), text(body.password, 128));
  }

  @Post('login')
  @HttpCode(200)
  login(@Body() body: { username?: unknown; password?: unknown }) {
    return this.accounts.login(text(body.username, 32), text(body.password, 128));
  }
}

@Controller('api/v1/channels')
@UseGuards(Authenticated)
export class ChannelsController {
  constructor(private readonly chat: Chat, private readonly gateway: Gateway) {}

  @Post()
  async create(@Req() { user }: Asked, @Body() body: { name?: unknown }) {
    const name = text(body.name, 64);
    const id = await this.chat.create(user, name);
    this.gateway.enter(user, id);
    return { name, status: 'PUBLIC', role: 'OWNER', members: 1, lastSeq: 1 };
  }

  @Put(':name/members/me')
  async join(@Req() { user }: Asked, @Param('name') name: string) {
    const written = await this.chat.join(user, name);
    this.gateway.enter(user, written.roomId);
    this.gateway.tell(written);
    return { name: written.message.room, status: 'PUBLIC', role: 'USER', lastSeq: written.message.seq };
  }

  @Get(':name/messages')
  page(@Req() { user }: Asked, @Param('name') name: string, @Query('before') before?: string,
    @Query('limit') limit?: string) {
    return this.chat.page(user, name, count(before, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
      count(limit, 100, 50));
  }

  @Post(':name/messages')
  async send(@Req() { user }: Asked, @Param('name') name: string,
    @Body() body: { text?: unknown; nonce?: unknown }, @Res({ passthrough: true }) answer: Answer) {
    const nonce = body.nonce === undefined ? null : text(body.nonce, 64);
    const written = await this.chat.send(user, name, text(body.text, 128), nonce);
    if (written.isNew) this.gateway.tell(written);
    else answer.status(200);
    return written.message;
  }
}
