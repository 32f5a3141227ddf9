import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { createVolume, type Payload, type Volume, type VolumeOptions } from './kubelet.ts';
import { disposeAll, type Rehup, rehup, witness } from './rehup.ts';

/** Options under which nothing waits for time to pass, and only events tell of changes. */
export const AT_ONCE = ['--min-interval', '0', '--verify', '0', '--poll', '0'];
/** What is not written by the kubelet, too. */
export const AT_ONCE_PLAIN = ['--settle', '0', ...AT_ONCE];

/** A directory for each test of a file, removed with all that the test has left running. */
export function eachWithDirectory(parent = tmpdir()): { readonly path: string } {
  const directory = { path: '' };
  beforeEach(() => {
    directory.path = mkdtempSync(join(parent, 'rehup-'));
  });
  afterEach(async () => {
    await disposeAll();
    // Something that was killed a moment ago may have left a file in it meanwhile.
    rmSync(directory.path, { recursive: true, maxRetries: 20, retryDelay: 100 });
  });
  return directory;
}

/** A volume that a kubelet has written already. */
export function writtenVolume(path: string, payload: Payload, options: VolumeOptions = {}): Volume {
  const volume = createVolume(path, options);
  volume.write(payload);
  return volume;
}

/**
 * A volume with so many files of the same text, written as the kubelet does but without its care: the double would take a
 * minute for thousands.
 */
export function crowdedVolume(
  path: string,
  names: readonly string[],
  text: string,
): Pick<Volume, 'path'> & {
  write(text: string): void;
} {
  let generation = 0;
  function write(content: string): void {
    generation += 1;
    const directory = join(path, `..${generation}`);
    mkdirSync(directory, { recursive: true });
    for (const name of names) writeFileSync(join(directory, name), content);
    symlinkSync(`..${generation}`, join(path, '..data_tmp'));
    renameSync(join(path, '..data_tmp'), join(path, '..data'));
    rmSync(join(path, `..${generation - 1}`), { recursive: true, force: true });
  }
  write(text);
  for (const name of names) symlinkSync(`..data/${name}`, join(path, name));
  return { path, write };
}

/** A witness under rehup that gets a SIGHUP for each change below `watched`, once it has started; it tells of `file`. */
export async function followed(
  watched: string,
  file: string,
  {
    options = AT_ONCE,
    child = [],
  }: { readonly options?: readonly string[]; readonly child?: readonly string[] } = {},
): Promise<Rehup> {
  const run = rehup(['-w', watched, '--on-change', 'HUP', ...options, ...witness(file, ...child)]);
  await run.said('start');
  return run;
}

/** What the child told, without the CONT that follows a stop: when that is noticed depends on how fast the child ends. */
export function told(run: Rehup): readonly string[] {
  return run.output.filter((line) => !line.startsWith('SIGCONT'));
}

/** Stops it, and waits for its end. */
export async function ends(run: Rehup): Promise<void> {
  run.signal('SIGTERM');
  await run.ended;
}

/** How often the child told of a signal. */
export function count(run: Rehup, signal: string): number {
  return run.output.filter((line) => line.startsWith(signal)).length;
}
