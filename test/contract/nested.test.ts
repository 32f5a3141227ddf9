import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { amongMountsOf, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { type Rehup, rehup, witness } from '../support/rehup.ts';
import { count, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 4.1, 4.5 and 4.7 on the built executable: kubelet volumes and single files that are mounted below a watch. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const at = (...names: readonly string[]) => join(directory.path, ...names);

const OPTIONS = ['--on-change', 'HUP', '--min-interval', '0', '--verify', '0', '--poll', '0'];

/** A witness under rehup among bind mounts, each of a source on a place. */
async function among(
  binds: readonly (readonly [string, string])[],
  watched: string,
  file: string,
  options: readonly string[] = OPTIONS,
): Promise<Rehup> {
  const mounts = binds.map(([source, place]) => `mount --bind ${source} ${place} && `);
  const script = `${mounts.join('')}exec "$@"`;
  const prefix = [...(PID_NAMESPACE.prefix ?? []), 'sh', '-c', script, 'sh'];
  const run = rehup(['-w', watched, ...options, ...witness(file)], { prefix });
  await run.said('start');
  await run.logged('child.started');
  return run;
}

const TOKEN = { 'ca.crt': 'ca', namespace: 'default' };

describe('kubelet volumes below a watched directory', () => {
  test('a token that rotates is no change, a key is one', async () => {
    const token = writtenVolume(at('w/sa'), { ...TOKEN, token: '0' });
    const config = writtenVolume(at('w/app'), { a: '0' });
    const run = await among([], at('w'), at('w/app/a'), [...OPTIONS, '--settle', '0']);
    token.write({ ...TOKEN, token: '1' });
    config.write({ a: '1' });
    await run.said('SIGHUP 1');
    expect(await run.logged('config.changed')).toMatchObject({ paths: [at('w/app/a')] });
    expect(count(run, 'SIGHUP')).toBe(1);
  });

  test('two that change one after the other are one reload, a renamed key is one', async () => {
    const one = writtenVolume(at('w/one'), { a: '0' });
    const two = writtenVolume(at('w/two'), { b: '0' });
    const run = await among([], at('w'), at('w/one/a'));
    one.write({ a: '1' });
    await run.logged('config.changed');
    two.write({ c: '1' });
    await run.said('SIGHUP 1');
    expect(await run.logged('reload.applied')).toMatchObject({ reload: 1 });
    expect(count(run, 'SIGHUP')).toBe(1);
  });

  test('one that loses all its keys keeps its last state, and is picked up when it is back', async () => {
    const optional = writtenVolume(at('w/optional'), { a: '0' });
    writeFileSync(at('w/plain'), '0');
    const run = await among([], at('w'), at('w/plain'), [...OPTIONS, '--settle', '0']);
    optional.write({});
    expect((await run.logged('watch.missing')).msg).toContain(at('w/optional'));
    // In one step: one that is emptied and then written is two changes.
    writeFileSync(at('new'), '1');
    renameSync(at('new'), at('w/plain'));
    await run.said('SIGHUP 1');
    expect(await run.logged('config.changed')).toMatchObject({ paths: [at('w/plain')] });
    optional.write({ a: '0' });
    await run.logged('watch.recovered');
    optional.write({ a: '1' });
    expect(await run.logged('config.changed', 2)).toMatchObject({ paths: [at('w/optional/a')] });
  });

  test('one that is mounted inside a watched one is read as one', async () => {
    const inner = writtenVolume(at('inner'), { ...TOKEN, token: '0', key: '0' });
    const outer = writtenVolume(at('outer'), { a: '0' });
    mkdirSync(at('outer/sa'));
    const options = [...OPTIONS, '--settle', '0'];
    const run = await among([[at('inner'), at('outer/sa')]], at('outer'), at('outer/a'), options);
    inner.write({ ...TOKEN, token: '1', key: '0' });
    inner.write({ ...TOKEN, token: '2', key: '1' });
    expect(await run.logged('config.changed')).toMatchObject({ paths: [at('outer/sa/key')] });
    outer.write({ a: '1' });
    await run.said('SIGHUP 1');
  });

  test('one that is mounted at two places counts at both', async () => {
    const volume = writtenVolume(at('volume'), { a: '0' });
    for (const place of ['x', 'y']) mkdirSync(at('w', place), { recursive: true });
    const options = [...OPTIONS, '--settle', '0'];
    const binds = ['x', 'y'].map((place) => [at('volume'), at('w', place)] as const);
    const run = await among(binds, at('w'), at('w/y/a'), options);
    volume.write({ a: '1' });
    await run.said('SIGHUP 1');
    expect(count(run, 'SIGHUP')).toBe(1);
  });
});

describe('a single file that is mounted', () => {
  test('is told when it is edited in place, and warned of when it is replaced', async () => {
    writeFileSync(at('app.conf'), '0');
    mkdirSync(at('etc'));
    writeFileSync(at('etc/app.conf'), '');
    const file = at('etc/app.conf');
    const run = await among([[at('app.conf'), file]], file, file, [...OPTIONS, '--settle', '0']);
    writeFileSync(at('app.conf'), '1');
    await run.said('SIGHUP 1');
    writeFileSync(at('new'), '2');
    amongMountsOf(run.pid(), `mv ${at('new')} ${at('app.conf')}`);
    const { msg } = await run.logged('watch.frozen');
    expect(msg).toContain(`${file} is a file that is mounted by itself and was replaced`);
  });

  test('below a watched directory likewise, and keeps nothing else from being read again', async () => {
    writeFileSync(at('app.conf'), '0');
    mkdirSync(at('etc'));
    writeFileSync(at('etc/app.conf'), '');
    writeFileSync(at('etc/other'), '0');
    const options = [...OPTIONS, '--settle', '0'];
    const run = await among([[at('app.conf'), at('etc/app.conf')]], at('etc'), at('etc/other'), options);
    writeFileSync(at('app.conf'), '1');
    await run.said('SIGHUP 0');
    expect(await run.logged('config.changed')).toMatchObject({ paths: [at('etc/app.conf')] });
    writeFileSync(at('new'), '2');
    amongMountsOf(run.pid(), `mv ${at('new')} ${at('app.conf')}`);
    await run.logged('watch.frozen');
    writeFileSync(at('etc/other'), '1');
    await run.said('SIGHUP 1');
  });
});
