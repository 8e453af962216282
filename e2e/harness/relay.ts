// A TCP relay that a test controls: a door whose address stays while what is behind it goes and comes back.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import type { Address } from '../handset/connection';
import { reset } from '../handset/reset';

export class Relay {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly #far = new Set<Socket>();
  #target: Address | undefined;
  /** Who has come while what is behind the door is away, and waits. */
  #held: Socket[] | undefined;
  /** How many bytes may still pass before the next cut. */
  #left = Infinity;
  #cut: () => void = () => undefined;

  /** Opens a door on a free port of the loopback. */
  static async open(target: Address): Promise<Relay> {
    const relay = new Relay(target);
    await new Promise<void>((resolve, reject) => {
      relay.#server.once('error', reject);
      relay.#server.listen(0, '127.0.0.1', resolve);
    });
    return relay;
  }

  private constructor(target: Address) {
    this.#target = target;
    this.#server = createServer({ noDelay: true }, (near) => this.#pass(near));
  }

  /** Where the door is. */
  get address(): Address {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  /** How many connections pass now. */
  get connections(): number {
    return this.#open.size;
  }

  /** How many have come since `hold` and wait. */
  get waiting(): number {
    return this.#held?.length ?? 0;
  }

  /** Cuts what is open and lets nobody in until `restore`. */
  down(): void {
    this.#target = undefined;
    for (const socket of this.#open) reset(socket);
  }

  /** Cuts what is open once so many more bytes have passed, either way and also inside a message; new ones are let in. */
  cutAfter(bytes: number): Promise<void> {
    this.#left = bytes;
    return new Promise((resolve) => (this.#cut = resolve));
  }

  /** Has who comes from now on wait until `restore`, as a socket does that is kept while its program is replaced. */
  hold(): void {
    this.#held ??= [];
  }

  /** Lets connections through again. */
  restore(target: Address): void {
    this.#target = target;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const near of held) this.#pass(near);
  }

  /** From now on, what comes back on the open connections goes nowhere. */
  mute(): void {
    for (const far of this.#far) far.unpipe();
  }

  async close(): Promise<void> {
    this.down();
    for (const near of this.#held ?? []) near.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(near: Socket): void {
    if (this.#held) {
      this.#held.push(near);
      return;
    }
    if (!this.#target) {
      near.on('error', () => undefined);
      reset(near);
      return;
    }
    const far = connect({ ...this.#target, noDelay: true });
    this.#far.add(far);
    far.on('close', () => this.#far.delete(far));
    for (const [one, other] of [[near, far], [far, near]] as const) {
      this.#open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#open.delete(one);
        other.destroySoon();
      });
      one.pipe(this.#meter()).pipe(other);
    }
  }

  /** Passes bytes on until those that are left before the cut have passed. */
  #meter(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        const passes = chunk.subarray(0, this.#left);
        this.#left -= passes.length;
        done(null, passes);
        if (this.#left > 0) return;
        this.#left = Infinity;
        for (const socket of this.#open) socket.destroy();
        this.#cut();
      },
    });
  }
}
