import { mkdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { freePort } from './free-port.ts';
import type { Volume } from './kubelet.ts';
import { PATIENCE, type Rehup, rehup } from './rehup.ts';
import { writtenVolume } from './volume.ts';

/** What it watches in this directory, and where it keeps what it knows. */
export function newVolume(directory: string): Volume {
  mkdirSync(`${directory}/state`);
  return writtenVolume(`${directory}/volume`, { key: 'one' });
}

/** A sidecar with `unhealthy`; the kubelet's probes and hooks are requests of the test. */
export type Sidecar = {
  readonly self: Rehup;
  /** The status of an answer. */
  readonly get: (path: string) => Promise<number>;
  /** The events of its log so far. */
  readonly events: () => readonly string[];
};

/** Watches `volume` in this directory, and keeps what it knows in `state`. */
export async function sidecarIn(
  directory: string,
  more: readonly string[] = [],
  options: Parameters<typeof rehup>[1] = {},
  until = 'sidecar.started',
): Promise<Sidecar> {
  const port = await freePort();
  const volume = ['-w', `${directory}/volume`, '--on-change', 'unhealthy', '--state', `${directory}/state`];
  const quick = ['--min-interval', '0', '--verify', '0', '--poll', '0'];
  const words = ['sidecar', ...volume, '--listen', `127.0.0.1:${port}`, ...quick, ...more];
  const self = rehup(words, options);
  await self.logged(until);
  return {
    self,
    get: async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).status,
    events: () => self.log().map(({ event }) => event),
  };
}

/** What is kept once a probe was answered for new content, and where none was. */
export const ANSWERED = /"answered":\{/;
export const NOT_ANSWERED = /^(?!.*"answered":\{)/;

/** Waits until what is kept is like this. */
export async function keepsIn(directory: string, is: RegExp): Promise<void> {
  const kept = () => readFileSync(`${directory}/state/rehup-sidecar.json`, 'utf8');
  await expect.poll(kept, { timeout: PATIENCE }).toMatch(is);
}

/** Asked again until it is so. */
export async function turns({ get }: Sidecar, path: string, status: number): Promise<void> {
  await expect.poll(() => get(path), { timeout: PATIENCE }).toBe(status);
}

/** Ends as it is asked to, with nothing wrong in its log. */
export async function stopped({ self, events }: Sidecar): Promise<void> {
  self.signal('SIGTERM');
  expect(await self.ended).toBe(0);
  expect(events()).not.toContain('rehup.internal_error');
}

/** Ends at once, as where memory runs out. */
export async function killed({ self }: Sidecar): Promise<void> {
  self.signal('SIGKILL');
  await self.ended.catch(() => {});
}
