// The program under test: starts it on free ports with a data folder of its own, and always ends it.
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Address } from '../handset/connection';

const BINARY = process.env['MIG33_BRIDGE'] ?? fileURLToPath(new URL('../../target/release/mig33-bridge', import.meta.url));

/** How long the program may take to listen, in ms. */
const START_LIMIT = 20_000;

export interface ProgramOptions {
  readonly dataDir: string;
  /** Further arguments, in the place of those of the same name that the harness gives. */
  readonly args?: readonly string[];
  /** `embedded`, or HOST:PORT of another server. */
  readonly upstream?: string;
}

/** How a program ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Program {
  /** Where the page is. */
  readonly page: URL;
  /** Where `/healthz`, `/readyz` and `/metrics` are. */
  readonly admin: URL;
  /** Settles when the program has ended. */
  readonly exited: Promise<Exit>;

  readonly #child: ChildProcess;
  readonly #output: Output;
  readonly #tcp: Address | undefined;

  /** Starts the program and waits until it says where it listens. */
  static async start(options: ProgramOptions): Promise<Program> {
    const child = spawn(BINARY, argumentsOf(options), { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
    const output = new Output(child);
    try {
      const admin = await output.line(/listening admin (http:\S+)\n/);
      const page = await output.line(/listening page (http:\S+)\n/);
      const tcp = options.upstream === undefined ? await output.line(/listening tcp (\S+)\n/) : undefined;
      return new Program(child, output, new URL(page), new URL(admin), tcp === undefined ? undefined : address(tcp));
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  private constructor(child: ChildProcess, output: Output, page: URL, admin: URL, tcp: Address | undefined) {
    this.#child = child;
    this.#output = output;
    this.page = page;
    this.admin = admin;
    this.#tcp = tcp;
    this.exited = output.exited;
  }

  /** Where the embedded server takes handsets. */
  get tcp(): Address {
    if (!this.#tcp) throw new Error('this program has an upstream and no server of its own');
    return this.#tcp;
  }

  /** Where the page's WebSocket is. */
  get webSocket(): string {
    return `ws://${this.page.host}/ws`;
  }

  /** What the program has written so far. */
  get log(): string {
    return this.#output.text;
  }

  /** Whether the program has not ended. */
  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The value of a counter in its metrics, by name and labels; 0 where it is not there yet. */
  async counter(name: string): Promise<number> {
    const text = await (await fetch(new URL('/metrics', this.admin))).text();
    const line = text.split('\n').find((line) => line.startsWith(`${name} `));
    return Number(line?.split(' ').at(-1) ?? 0);
  }

  /** How often the chat service in it has been asked for something. */
  requests(command: string): Promise<number> {
    return this.counter(`mig33_server_requests_total{command="${command}"}`);
  }

  /** Asks the program to end, and waits for it. */
  async stop(): Promise<Exit> {
    this.#child.kill('SIGTERM');
    return this.exited;
  }

  /** Sends SIGTERM without waiting. */
  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  /** Ends the program where it stands (`kill -9`), and waits until it is gone. */
  async kill(): Promise<Exit> {
    this.#child.kill('SIGKILL');
    return this.exited;
  }
}

/** What a program writes, on both streams. */
class Output {
  text = '';
  readonly exited: Promise<Exit>;
  #changed: () => void = () => undefined;

  constructor(child: ChildProcess) {
    const take = (chunk: Buffer) => {
      this.text += chunk.toString('utf8');
      this.#changed();
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    this.exited = new Promise((resolve, reject) => {
      child.once('error', (error) => reject(new Error(`${error.message}; cargo xtask build makes it`)));
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.exited.catch(() => undefined);
  }

  /** Waits for a line and gives what the pattern's group holds. */
  async line(pattern: RegExp): Promise<string> {
    const late = AbortSignal.timeout(START_LIMIT);
    for (;;) {
      const found = pattern.exec(this.text)?.[1];
      if (found) return found;
      if (late.aborted) throw new Error(`no ${pattern} in ${START_LIMIT} ms:\n${this.text}`);
      const exit = await Promise.race([
        this.exited,
        new Promise<undefined>((resolve) => {
          this.#changed = () => resolve(undefined);
          late.addEventListener('abort', () => resolve(undefined), { once: true });
        }),
      ]);
      if (exit) throw new Error(`the program ended (${exit.code ?? exit.signal}) before ${pattern}:\n${this.text}`);
    }
  }
}

function argumentsOf({ dataDir, args = [], upstream }: ProgramOptions): string[] {
  const usual = {
    '--listen': '127.0.0.1:0',
    '--admin-listen': '127.0.0.1:0',
    ...(upstream === undefined ? { '--tcp-listen': '127.0.0.1:0', '--data-dir': dataDir } : { '--upstream': upstream }),
  };
  const kept = Object.entries(usual).filter(([name]) => !args.includes(name));
  return [...kept.flat(), ...args];
}

/** The environment without settings that a developer may have made for himself. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('MIG33_'));
  return { ...Object.fromEntries(own), NO_COLOR: '1', RUST_BACKTRACE: '1' };
}

function address(text: string): Address {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
}
