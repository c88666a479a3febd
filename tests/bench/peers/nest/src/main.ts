/*
 * A peer of the benchmarks: what a team would write with NestJS, Socket.IO and PostgreSQL, and write
 * well. See ../../README.md for what it has in common with the others.
 *
 *   node dist/main.js --port N --pg CONNINFO
 */
import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JwtModule } from '@nestjs/jwt';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { IoAdapter } from '@nestjs/platform-socket.io';

const { values } = parseArgs({ options: { port: { type: 'string' }, pg: { type: 'string' } } });
process.env.PEER_PG ??= values.pg ?? '';

const { Accounts, Authenticated } = await import('./accounts.js');
const { Chat } = await import('./chat.js');
const { Database } = await import('./database.js');
const { Gateway } = await import('./gateway.js');
const { AuthController, ChannelsController } = await import('./rest.js');

@Module({
  imports: [JwtModule.register({ secret: process.env.PEER_SECRET ?? 'only for benchmarks' })],
  controllers: [AuthController, ChannelsController],
  providers: [Accounts, Authenticated, Chat, Database, Gateway],
})
class PeerModule {}

const app = await NestFactory.create<NestFastifyApplication>(PeerModule, new FastifyAdapter(),
  { logger: ['error', 'fatal'] });
app.useWebSocketAdapter(new IoAdapter(app));
app.enableShutdownHooks();
await app.get(Database).migrate();
await app.listen({ port: Number(values.port), host: '127.0.0.1', backlog: 4096 });
console.log('ready');
