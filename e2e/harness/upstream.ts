// A mig33 server's place, held by the test: takes connections, keeps what comes, sends what it is told.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** How the other side ends a connection: in good order, or broken off. */
export type HowEnded = 'FIN' | 'RST';

/** A connection from the bridge. */
export class UpstreamConnection {
  bytes = Buffer.alloc(0);
  /** Settles when the other side has ended it. */
  readonly ended: Promise<HowEnded>;

  constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
    });
    this.ended = new Promise((resolve) => {
      socket.once('end', () => resolve('FIN'));
      socket.on('error', () => resolve('RST'));
    });
  }
}

export class Upstream {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #accepted: UpstreamConnection[] = [];
  readonly #waiting: ((connection: UpstreamConnection) => void)[] = [];

  static async open(): Promise<Upstream> {
    const upstream = new Upstream();
    await new Promise<void>((resolve) => upstream.#server.listen(0, '127.0.0.1', resolve));
    return upstream;
  }

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      const connection = new UpstreamConnection(socket);
      const waiting = this.#waiting.shift();
      if (waiting) waiting(connection);
      else this.#accepted.push(connection);
    });
  }

  /** HOST:PORT, as `--upstream` takes it. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next connection that the bridge makes. */
  async accept(): Promise<UpstreamConnection> {
    return this.#accepted.shift() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
