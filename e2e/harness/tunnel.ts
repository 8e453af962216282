// A WebSocket to the bridge from outside a browser, so that every odd thing can be sent and every code seen.
import type { ClientRequest, IncomingMessage } from 'node:http';
import WebSocket, { type ClientOptions } from 'ws';
import { type Frame, FrameReader } from '../handset/frame';

/** How a WebSocket ended. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** An upgrade that was refused, with the HTTP status. */
export class UpgradeRefused extends Error {
  constructor(readonly status: number) {
    super(`the upgrade was refused with ${status}`);
  }
}

export class Tunnel {
  /** What came, message by message. */
  readonly messages: Buffer[] = [];
  /** Settles with the close code. */
  readonly closed: Promise<Closed>;

  /** Opens a WebSocket, without an Origin unless one is given. */
  static async open(url: string, options: ClientOptions = {}, protocols: string[] = []): Promise<Tunnel> {
    const socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
    const tunnel = new Tunnel(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
      socket.once('unexpected-response', (request: ClientRequest, response: IncomingMessage) => {
        request.destroy();
        reject(new UpgradeRefused(response.statusCode ?? 0));
      });
    });
    return tunnel;
  }

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => this.messages.push(data));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => resolve({ code, reason: reason.toString('utf8') }));
    });
  }

  /** Everything that came, joined. */
  get bytes(): Buffer {
    return Buffer.concat(this.messages);
  }

  /** Each message's packets: a message that does not hold whole packets only is an error. */
  get frames(): Frame[] {
    return this.messages.flatMap((message) => {
      const reader = new FrameReader();
      const frames = reader.push(message);
      if (reader.pending > 0) throw new Error(`a message ended inside a packet: ${message.toString('hex')}`);
      return frames;
    });
  }

  /** Sends a binary message. */
  send(bytes: Buffer): void {
    this.socket.send(bytes);
  }

  /** Sends a text message. */
  sendText(text: string): void {
    this.socket.send(text);
  }
}
