// A TCP connection that carries packets: what came is kept until somebody takes it; every wait has a time limit.
import { Socket } from 'node:net';
import { packetKind } from './catalogue';
import { BadFrame, encodeFrame, FrameReader } from './frame';
import { blocksOf, Packet, type Fields } from './packet';
import { reset } from './reset';

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How long an answer may take, in ms. */
export const LIMIT = 8_000;

interface Waiter {
  readonly matches: (packet: Packet) => boolean;
  readonly take: (packet: Packet) => void;
  readonly fail: (error: Error) => void;
}

export class Connection {
  /** Everything that came, in order, also what was taken. */
  readonly received: Packet[] = [];
  /** Settles when the connection has ended, by whichever side. */
  readonly ended: Promise<void>;

  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #waiting = new Set<Waiter>();
  #untaken: Packet[] = [];
  #over: Error | undefined;

  /** Opens a connection. */
  static async connect(address: Address): Promise<Connection> {
    const socket = new Socket();
    socket.setNoDelay(true);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(address.port, address.host, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    return new Connection(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.#fail(new Error('the connection ended'));
        resolve();
      });
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('data', (chunk) => this.#read(chunk));
  }

  /** Whether the connection has ended. */
  get over(): boolean {
    return this.#over !== undefined;
  }

  /** Writes a packet with the catalogue's names. */
  send(name: string, fields: Fields, transaction: number): void {
    this.write(encodeFrame({ command: packetKind(name).command, transaction, blocks: blocksOf(name, fields) }));
  }

  /** Writes bytes as they are. */
  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Takes the first packet that matches, from what has come or what comes; `what` names it in the error. */
  async next(matches: (packet: Packet) => boolean, what: string, limit = LIMIT): Promise<Packet> {
    const at = this.#untaken.findIndex(matches);
    const [found] = at < 0 ? [] : this.#untaken.splice(at, 1);
    if (found) return found;
    if (this.#over) throw this.#missing(what, this.#over.message);
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiter);
      };
      const waiter: Waiter = {
        matches,
        take: (packet) => (stop(), resolve(packet)),
        fail: (error) => (stop(), reject(this.#missing(what, error.message))),
      };
      const timer = setTimeout(() => waiter.fail(new Error(`nothing in ${limit} ms`)), limit);
      this.#waiting.add(waiter);
    });
  }

  /** Ends politely: what was written arrives, then FIN. */
  async close(): Promise<void> {
    this.#socket.end();
    this.#socket.destroySoon();
    await this.ended;
  }

  /** Ends at once, as a handset that loses its network does. */
  async cut(): Promise<void> {
    reset(this.#socket);
    await this.ended;
  }

  #read(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) this.#deliver(new Packet(frame));
    } catch (error) {
      if (!(error instanceof BadFrame)) throw error;
      this.#fail(error);
      this.#socket.destroy();
    }
  }

  #deliver(packet: Packet): void {
    this.received.push(packet);
    for (const waiter of this.#waiting) {
      if (waiter.matches(packet)) return waiter.take(packet);
    }
    this.#untaken.push(packet);
  }

  #fail(error: Error): void {
    this.#over ??= error;
    for (const waiter of [...this.#waiting]) waiter.fail(error);
  }

  #missing(what: string, why: string): Error {
    const last = this.#untaken.slice(-6).map((packet) => `\n  ${packet}`);
    return new Error(`waited for ${what}: ${why}; not taken so far:${last.join('') || ' nothing'}`);
  }
}
