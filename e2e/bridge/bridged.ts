// The bridge between a WebSocket and an upstream that the test holds.
import type { ClientOptions } from 'ws';
import { test as base } from '../harness/fixtures';
import type { Program } from '../harness/program';
import { Tunnel } from '../harness/tunnel';
import { Upstream, type UpstreamConnection } from '../harness/upstream';

export interface Bridged {
  upstream: Upstream;
  bridge: Program;
  /** Opens a WebSocket; gives both ends. */
  pair: (options?: ClientOptions) => Promise<{ near: Tunnel; far: UpstreamConnection }>;
}

export const test = base.extend<Bridged>({
  upstream: async ({}, use) => {
    const upstream = await Upstream.open();
    await use(upstream);
    await upstream.close();
  },

  bridge: async ({ start, upstream, programArgs }, use) => {
    // nobody logs in here: the upstream is the test itself
    await use(await start({ upstream: upstream.address, args: ['--limit-login-bytes', '0', ...programArgs] }));
  },

  pair: async ({ bridge, upstream }, use) => {
    const tunnels: Tunnel[] = [];
    await use(async (options) => {
      const near = await Tunnel.open(bridge.webSocket, options);
      tunnels.push(near);
      return { near, far: await upstream.accept() };
    });
    for (const tunnel of tunnels) tunnel.socket.terminate();
  },
});

export { expect } from '@playwright/test';
