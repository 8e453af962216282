// A MESSAGE that came: who, where, what, when, and what came before it (spec/wire.md section 4).
import type { Packet } from './packet';

export interface Message {
  readonly guid: string;
  readonly from: string;
  /** A value of the catalogue's list ChatDestination. */
  readonly kind: number;
  readonly to: string;
  /** A value of the catalogue's list ContentType. */
  readonly contentType: number;
  readonly text: string;
  /** ms since 1970. */
  readonly time: number;
  /** The guid of the chat's message before this one, or empty. */
  readonly previous: string;
}

export function readMessage(packet: Packet): Message {
  return {
    guid: packet.text('guid'),
    from: packet.text('source'),
    kind: packet.number('destination_type') ?? 0,
    to: packet.text('destination'),
    contentType: packet.number('content_type') ?? 0,
    text: packet.text('content'),
    time: packet.number('timestamp') ?? 0,
    previous: packet.text('previous_message_guid'),
  };
}
