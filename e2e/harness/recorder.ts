// What passes on a TCP port of this machine, recorded by tcpdump into a capture.
import { spawn, type ChildProcess } from 'node:child_process';

/** How long tcpdump may take to start, in ms. */
const START_LIMIT = 10_000;

export class Recorder {
  /** Starts to record a port of the loopback interface into a pcap file; needs the right to do so. */
  static async start(file: string, port: number): Promise<Recorder> {
    const args = ['-i', 'lo', '-n', '--immediate-mode', '-Z', 'root', '-w', file, `tcp port ${port}`];
    const child = spawn('tcpdump', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => {
        child.kill('SIGKILL');
        reject(new Error(`tcpdump ${why}: ${said}`));
      };
      const timer = setTimeout(() => fail(`does not start in ${START_LIMIT} ms`), START_LIMIT);
      child.once('error', (error) => fail(error.message));
      child.once('exit', () => fail('ended'));
      child.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString('utf8');
        if (!said.includes('listening on')) return;
        clearTimeout(timer);
        resolve();
      });
    });
    return new Recorder(child);
  }

  private constructor(readonly child: ChildProcess) {}

  /** Ends, and waits until the file is whole. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGINT');
    await ended;
  }
}
