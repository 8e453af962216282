// Ends a connection without a farewell.
import type { Socket } from 'node:net';

/** Resets a connection. Where this side is ending it already it is closed instead: node could not reset it, and would tell
 * no close. */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
