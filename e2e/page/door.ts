// The page behind a relay: its address stays while the program behind it goes and comes back.
import type { Address } from '../handset/connection';
import type { Program } from '../harness/program';
import type { Relay } from '../harness/relay';

/** The page's address as a browser gets to it through the relay. */
export const doorOf = (relay: Relay): URL => new URL(`http://${relay.address.host}:${relay.address.port}/`);

/** Where a program's page is, as a relay's target. */
export const pageOf = (program: Program): Address => ({ host: program.page.hostname, port: Number(program.page.port) });
