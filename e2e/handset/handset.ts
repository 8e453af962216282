// An old handset: a mig33 client over TCP, written from spec/wire.md and spec/packets.toml alone.
import { value } from './catalogue';
import { Connection, type Address } from './connection';
import { passwordHash, type HashKind } from './hash';
import { readMessage, type Message } from './message';
import { integer, type Fields, type Packet } from './packet';

/** An ERROR that answered a request. */
export class Refused extends Error {
  readonly code: number | undefined;
  readonly text: string;

  constructor(request: string, answer: Packet) {
    super(`${request} was refused: ${answer.text('description')}`);
    this.name = 'Refused';
    this.code = answer.number('code');
    this.text = answer.text('description');
  }
}

/** Who someone is. */
export interface Account {
  readonly username: string;
  readonly password: string;
}

/** How a log-in is made; what is left out is as the 2.x handset did it. */
export interface LogIn extends Account {
  readonly hash?: HashKind;
  /** A name of the catalogue's list Presence. */
  readonly presence?: string;
  /** The session to take over (block 18). */
  readonly sessionId?: string;
  /** The token of an earlier LOGIN_OK, or empty to ask for one (block 1001). */
  readonly token?: Buffer;
}

/** What OK told about a message that was taken. */
export interface Accepted {
  readonly guid: string;
  /** ms since 1970. */
  readonly time: number;
}

export class Handset {
  /** The session id of the last LOGIN_CHALLENGE. */
  sessionId = '';
  username = '';
  #transaction = 0;

  static async connect(address: Address): Promise<Handset> {
    return new Handset(await Connection.connect(address));
  }

  private constructor(readonly connection: Connection) {}

  /** Sends a request and gives its number: 1 to 32767, then 1 again (spec/wire.md section 1). */
  send(name: string, fields: Fields = {}): number {
    this.#transaction = (this.#transaction % 32_767) + 1;
    this.connection.send(name, fields, this.#transaction);
    return this.#transaction;
  }

  /** Sends a request and waits for the first packet with its number. */
  async ask(name: string, fields: Fields = {}): Promise<Packet> {
    return this.#answer(this.send(name, fields), name);
  }

  /** As `ask`, but an ERROR is thrown as `Refused` and anything but `expected` is a failure. */
  async request(name: string, fields: Fields = {}, expected = 'OK'): Promise<Packet> {
    return this.#expect(name, await this.ask(name, fields), expected);
  }

  /** Sends a request that many packets answer; gives all up to the one named `last`. */
  async list(name: string, fields: Fields, last: string): Promise<Packet[]> {
    const transaction = this.send(name, fields);
    const packets: Packet[] = [];
    for (;;) {
      const packet = await this.#answer(transaction, name);
      if (packet.name === 'ERROR') throw new Refused(name, packet);
      packets.push(packet);
      if (packet.name === last) return packets;
    }
  }

  /** Waits for a packet that came unasked (number 0). */
  async unasked(name: string, matches: (packet: Packet) => boolean = () => true): Promise<Packet> {
    return this.connection.next((packet) => packet.transaction === 0 && packet.name === name && matches(packet), `${name} 0`);
  }

  /** REGISTER, as request 2 of a fresh connection; gives the welcome text. */
  async register({ username, password }: Account, phone = '4915112345678'): Promise<string> {
    if (this.#transaction === 0) this.#transaction = 1;
    const fields = { service_type: 1, username, password, mobile_phone: phone };
    return (await this.request('NEW_REGISTRATION', fields)).text('text');
  }

  /** LOGIN_1 and, where asked, LOGIN_RESP; gives LOGIN_OK. */
  async logIn(how: LogIn): Promise<Packet> {
    const first = await this.ask('LOGIN', this.#logInFields(how));
    if (first.name === 'LOGIN_OK') return this.#loggedIn(how, first);
    const challenge = this.#expect('LOGIN', first, 'LOGIN_CHALLENGE');
    this.sessionId = challenge.text('session_id');
    const hash = passwordHash(how.hash ?? 'javahash', challenge.text('challenge'), how.password);
    return this.#loggedIn(how, await this.request('LOGIN_RESPONSE', { password_hash: hash }, 'LOGIN_OK'));
  }

  /** KEEP_ALIVE and its answer. */
  async keepAlive(): Promise<Packet> {
    return this.request('PING', {}, 'PONG');
  }

  /** GET_CLIST: the groups and contacts. */
  async contactList(): Promise<{ groups: Packet[]; contacts: Packet[]; all: Packet[] }> {
    const all = await this.list('GET_CONTACTS', {}, 'GET_CONTACTS_COMPLETE');
    const named = (name: string) => all.filter((packet) => packet.name === name);
    return { groups: named('GROUP'), contacts: named('CONTACT'), all };
  }

  /** ADD_CONTACT: a request to the other side. */
  async addContact(username: string, fields: Fields = {}): Promise<Packet> {
    return this.request('ADD_CONTACT', { username, ...fields });
  }

  /** Waits for a contact request of this name, accepts it and waits for CONTACT and PRESENCE; gives CONTACT. */
  async acceptContact(username: string): Promise<Packet> {
    await this.unasked('CONTACT_REQUEST', (packet) => packet.text('username') === username);
    await this.request('ACCEPT_CONTACT_REQUEST', { contact_username: username, add_contact: true });
    return this.becomesContact(username);
  }

  /** Waits for the CONTACT and PRESENCE that an acceptance brings to both sides; gives CONTACT. */
  async becomesContact(username: string): Promise<Packet> {
    const contact = await this.unasked('CONTACT', (packet) => packet.text('username') === username);
    const id = contact.number('contact_id');
    await this.unasked('PRESENCE', (packet) => packet.number('contact_id') === id);
    return contact;
  }

  /** A private message; gives OK's guid and time. */
  async say(to: string, text: string, guid?: string): Promise<Accepted> {
    return this.sendMessage('PRIVATE', to, { content: Buffer.from(text), ...(guid === undefined ? {} : { guid }) });
  }

  /** A message to a room. */
  async talk(room: string, text: string): Promise<Accepted> {
    return this.sendMessage('CHATROOM', room, { content: Buffer.from(text) });
  }

  /** MESSAGE to the server, with the fields given over the usual ones. */
  async sendMessage(kind: string, to: string, fields: Fields): Promise<Accepted> {
    const ok = await this.request('MESSAGE', this.messageFields(kind, to, fields));
    return { guid: ok.text('text'), time: ok.number('value') ?? 0 };
  }

  /** The fields of a MESSAGE as a handset sends it. */
  messageFields(kind: string, to: string, fields: Fields): Fields {
    return {
      message_type: value('MessageType', 'MIG33'),
      source: this.username,
      destination_type: value('ChatDestination', kind),
      destination: to,
      content_type: value('ContentType', 'TEXT'),
      ...fields,
    };
  }

  /** Waits for the next message that comes unasked, whatever it says. */
  async message(matches: (message: Message) => boolean = () => true): Promise<Message> {
    return readMessage(await this.unasked('MESSAGE', (packet) => matches(readMessage(packet))));
  }

  /** MESSAGE_STATUS_EVENT for a message that came: RECEIVED, READ. */
  acknowledge(message: Message, event = 'RECEIVED'): void {
    this.send('MESSAGE_STATUS_EVENT', {
      message_type: value('MessageType', 'MIG33'),
      message_source: this.username,
      message_destination_type: message.kind,
      message_destination: message.from,
      message_guid: message.guid,
      message_event_type: value('StatusEvent', event),
    });
  }

  /** GET_MESSAGES of a chat: at most `limit` between the two times, oldest first. */
  async history(kind: string, chat: string, { oldest = 0, latest = Number.MAX_SAFE_INTEGER, limit = 100 } = {}): Promise<Message[]> {
    const packets = await this.list(
      'GET_MESSAGES',
      {
        chat_id: chat,
        chat_type: value('ChatDestination', kind),
        latest_timestamp: latest,
        oldest_timestamp: oldest,
        limit,
      },
      'END_MESSAGES',
    );
    return packets.filter((packet) => packet.name === 'MESSAGE').map(readMessage);
  }

  /** A whole chat, oldest first, fetched in pages from its end. */
  async wholeHistory(kind: string, chat: string, size = 50): Promise<Message[]> {
    let all: Message[] = [];
    for (let latest = Number.MAX_SAFE_INTEGER; ; ) {
      const older = await this.history(kind, chat, { latest, limit: size });
      all = [...older, ...all];
      if (older.length < size) return all;
      latest = (older[0]?.time ?? 1) - 1;
    }
  }

  /** GET_CHATS: the chats, then CHAT_LIST_VERSION. */
  async chats(): Promise<Packet[]> {
    return this.list('GET_CHATS', { version: 0, limit: 100 }, 'CHAT_LIST_VERSION');
  }

  /** JOIN_CHATROOM: CHATROOM_PARTICIPANTS, then OK; gives the participants. */
  async joinRoom(room: string): Promise<Packet> {
    const [participants] = await this.list('JOIN_CHATROOM', { chatroom_name: room }, 'OK');
    return this.#expect('JOIN_CHATROOM', participants, 'CHATROOM_PARTICIPANTS');
  }

  /** SEND_PIC_REQUEST: the address that takes one upload for this receiver. */
  async uploadAddress(to: string): Promise<URL> {
    return new URL((await this.request('GET_URL', { url_type: 20, profile_name: to })).text('text'));
  }

  /** LOGOUT, and waits until the server has closed. */
  async logOut(): Promise<void> {
    this.send('LOGOUT');
    await this.connection.ended;
  }

  async #answer(transaction: number, request: string): Promise<Packet> {
    return this.connection.next((packet) => packet.transaction === transaction, `the answer to ${request} ${transaction}`);
  }

  #expect(request: string, answer: Packet | undefined, expected: string): Packet {
    if (answer?.name === 'ERROR') throw new Refused(request, answer);
    if (answer?.name !== expected) throw new Error(`${request} was answered by ${answer} instead of ${expected}`);
    return answer;
  }

  #loggedIn(how: LogIn, ok: Packet): Packet {
    this.username = how.username;
    return ok;
  }

  #logInFields(how: LogIn): Fields {
    return {
      protocol_version: 1,
      client_type: value('ClientType', 'MIDP2'),
      client_version: 420,
      username: how.username,
      user_agent: 'J2MEv4.20.291',
      device_name: 'j2me',
      // the 2.x handset wrote four bytes where later ones wrote one
      initial_presence: integer(value('Presence', how.presence ?? 'AVAILABLE'), 4),
      font_height: 14,
      screen_width: 170,
      screen_height: 169,
      language: 'en-US',
      ...(how.sessionId === undefined ? {} : { session_id: how.sessionId }),
      ...(how.token === undefined ? {} : { resume_token: how.token }),
    };
  }
}

/** The ERROR that a request is expected to get; anything else is a failure of the test. */
export async function refusal(request: Promise<unknown>): Promise<Refused> {
  const outcome = await request.then(
    (answer) => new Error(`was not refused but answered: ${String(answer)}`),
    (error: unknown) => error,
  );
  if (outcome instanceof Refused) return outcome;
  throw outcome;
}

