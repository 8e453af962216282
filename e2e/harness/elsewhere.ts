// A server of another kind, as others are found today (spec/wire.md section 9): small, and told by a test what to do.
import { FrameReader, encodeFrame } from '../handset/frame';
import { packetKind } from '../handset/catalogue';
import { blocksOf, Packet, type Fields } from '../handset/packet';
import { Upstream, type UpstreamConnection } from './upstream';

type Answer = (name: string, fields?: Fields) => void;

export class Elsewhere {
  /** What has come, oldest first. */
  readonly asked: Packet[] = [];
  /** What the password proof is answered with, where it is refused. */
  refuses: string | undefined;
  #connection: UpstreamConnection | undefined;
  #echoes = 0;

  static async open(): Promise<Elsewhere> {
    const server = new Elsewhere(await Upstream.open());
    void server.#serve();
    return server;
  }

  private constructor(readonly upstream: Upstream) {}

  /** Sends a packet with this number, or unasked. */
  send(name: string, fields: Fields = {}, transaction = 0): void {
    this.raw(packetKind(name).command, blocksOf(name, fields), transaction);
  }

  /** Sends blocks as they are. */
  raw(command: number, blocks: { id: number; content: Buffer }[], transaction = 0): void {
    this.#connection?.socket.write(encodeFrame({ command, transaction, blocks }));
  }

  /** Ends the connection that is there. */
  cut(): void {
    this.#connection?.socket.destroy();
  }

  async close(): Promise<void> {
    await this.upstream.close();
  }

  async #serve(): Promise<void> {
    for (;;) {
      const connection = await this.upstream.accept();
      const frames = new FrameReader();
      connection.socket.on('data', (chunk) => {
        this.#connection = connection;
        for (const frame of frames.push(chunk)) this.#answer(new Packet(frame));
      });
      connection.socket.on('end', () => connection.socket.end());
    }
  }

  #answer(packet: Packet): void {
    this.asked.push(packet);
    const number = packet.transaction;
    const answer: Answer = (name, fields = {}) => this.send(name, fields, number);
    switch (packet.name) {
      case 'PING':
        return answer('PONG');
      case 'LOGIN':
        return answer('LOGIN_CHALLENGE', { challenge: 'k3Yf9QzL', session_id: 's1' });
      case 'LOGIN_RESPONSE':
        return this.refuses === undefined ? answer('LOGIN_OK') : answer('ERROR', { code: 1, description: this.refuses });
      case 'GET_CHATROOMS':
        // only the last packet has the number
        if (packet.text('search_string') === '') this.send('CHATROOM', { chatroom_name: 'Tea Room', participants: 2 });
        return answer('GET_CHATROOMS_COMPLETE', { number_of_pages: packet.text('search_string') === '' ? 1 : 0 });
      case 'JOIN_CHATROOM':
        // names are told apart by case
        if (packet.text('chatroom_name') !== 'Tea Room') return answer('ERROR', { code: 1, description: 'There is no such room.' });
        return answer('CHATROOM_PARTICIPANTS', { chatroom_name: 'Tea Room', participant_list: Buffer.from('anna\nbert') });
      case 'MESSAGE':
        // one's own comes back with a guid of the server's, before an OK without one
        this.#echoes += 1;
        this.send('MESSAGE', {
          source: 'anna',
          destination_type: packet.number('destination_type') ?? 1,
          destination: packet.text('destination'),
          content_type: packet.number('content_type') ?? 1,
          content: packet.bytes('content') ?? '',
          guid: `s${this.#echoes}`,
        });
        return answer('OK');
      default:
        return answer('ERROR', { code: 1, description: 'Unknown command.' });
    }
  }
}
