/* The Socket.IO events, with the names and bodies of parley's (docs/EVENTS.md). */
import { UseFilters, Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import {
  ConnectedSocket, MessageBody, OnGatewayConnection, SubscribeMessage, WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import type { Server, Socket } from 'socket.io';
import { Accounts } from './accounts.js';
import { Chat, ChatError, type Message, type User, type Written } from './chat.js';

interface Told {
  user: User;
  ready: Promise<void>;
}

type ChatSocket = Socket<any, any, any, Told>;

const roomOf = (id: number) => `room:${id}`;
const ownOf = (user: User) => `user:${user.id}`;

function field(value: unknown, most: number): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > most) {
    throw new ChatError('validation_failed', 400, 'A field is missing or too long');
  }
  return value;
}

/* A command that failed: its error event, and the same as the acknowledgement. */
@Catch()
class Refusals implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const [client, , , event] = host.getArgs() as [ChatSocket, unknown, unknown, string];
    const ack = host.getArgs().find((each) => typeof each === 'function');
    const body = error instanceof ChatError
      ? { message: error.message, code: error.code }
      : { message: 'Something went wrong', code: 'internal' };
    client.emit(`${event}Error`, body);
    ack?.(body);
    if (!(error instanceof ChatError)) console.error(error);
  }
}

@WebSocketGateway({ perMessageDeflate: false, httpCompression: false, serveClient: false })
@UseFilters(Refusals)
export class Gateway implements OnGatewayConnection {
  @WebSocketServer()
  private readonly server!: Server;

  constructor(private readonly accounts: Accounts, private readonly chat: Chat) {}

  afterInit(server: Server): void {
    /* Else the handshake's request is held in memory as long as the connection. */
    server.engine.on('connection', (connection: { request: unknown }) => { connection.request = null; });
  }

  handleConnection(client: ChatSocket): void {
    try {
      client.data.user = this.accounts.userOf(client.handshake.auth.token
        ?? client.handshake.headers.authorization);
    } catch {
      client.emit('accessDenied', { message: 'Not logged in', code: 'unauthenticated' });
      client.disconnect();
      return;
    }
    client.data.ready = this.admit(client).catch((error: unknown) => {
      console.error(error);
      client.disconnect(true);
    });
  }

  /* Into the rooms before the history is read, so that nothing in between is missed. */
  private async admit(client: ChatSocket): Promise<void> {
    const asked = Number(client.handshake.auth.history ?? -1);
    const rooms = await this.chat.rooms(client.data.user);
    await client.join([ownOf(client.data.user), ...rooms.map((room) => roomOf(room.id))]);
    const history: Record<string, Message[]> = {};
    if (asked !== 0) {
      for (const room of rooms) {
        history[room.name] = await this.chat.history(room, asked > 0 ? asked : null);
      }
    }
    client.emit('updateChatHistory', history);
  }

  @SubscribeMessage('createChannel')
  async create(@ConnectedSocket() client: ChatSocket, @MessageBody() body: { name?: unknown }) {
    const name = field(body?.name, 64);
    this.enter(client.data.user, await this.chat.create(client.data.user, name));
    return this.succeed(client, 'createChannelSuccess', { message: 'Channel created', room: name });
  }

  @SubscribeMessage('joinChannel')
  async join(@ConnectedSocket() client: ChatSocket, @MessageBody() body: { name?: unknown }) {
    const written = await this.chat.join(client.data.user, field(body?.name, 64));
    const { room, seq } = written.message;
    this.enter(client.data.user, written.roomId);
    this.tell(written);
    return this.succeed(client, 'joinChannelSuccess', { message: 'Joined', room, seq });
  }

  @SubscribeMessage('sendMessage')
  async send(@ConnectedSocket() client: ChatSocket,
    @MessageBody() body: { room?: unknown; text?: unknown; nonce?: unknown }) {
    const nonce = body?.nonce === undefined ? null : field(body.nonce, 64);
    const written = await this.chat.send(client.data.user, field(body?.room, 64),
      field(body?.text, 128), nonce);
    const { room, seq } = written.message;
    if (written.isNew) this.tell(written);
    return this.succeed(client, 'sendMessageSuccess',
      { message: 'Message sent', room, seq, ...(nonce === null ? {} : { nonce }) });
  }

  /** The user's sockets into a room. */
  enter(user: User, roomId: number): void {
    this.server.in(ownOf(user)).socketsJoin(roomOf(roomId));
  }

  /** A message to all who are in its room. */
  tell({ roomId, message }: Written): void {
    this.server.to(roomOf(roomId)).emit('newMessage', message);
  }

  /* The answer as an event; what is returned becomes the acknowledgement. */
  private succeed<Body>(client: ChatSocket, event: string, body: Body): Body {
    client.emit(event, body);
    return body;
  }
}
