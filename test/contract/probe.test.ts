import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect } from 'vitest';
import type { Volume } from '../support/kubelet.ts';
import { type Capability, NOBODY } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { IS_NODE, PATIENCE, REHUP_BIN } from '../support/rehup.ts';
import { eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 7, `rehup probe`, on the built executable: what containers look like from inside, without any. */

/** What a runtime makes at each start of a container: a /dev of its own in a mount namespace of its own. */
const MADE = `mount -t tmpfs none /dev && ln -s /proc/self/fd /dev/fd && mknod -m 666 /dev/null c 1 3 &&
  mkdir -m 1777 /dev/shm && echo ready >&2 && exec sleep 600`;

const NEW_LIFE: Capability = {
  prefix:
    spawnSync('unshare', ['--mount', 'sh', '-c', MADE.replace('exec sleep 600', 'true')]).status === 0
      ? []
      : undefined,
  remedy: 'root, to make a /dev as a container has it (run the tests as root)',
};

const test = needing(NEW_LIFE, NOBODY);
const directory = eachWithDirectory();
const running: ChildProcess[] = [];
/** Each of the Node edition takes two cores 50 ms. */
const AT_ONCE = IS_NODE ? 5 : 20;
let lives = 0;

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

/** A start of a container: process 1 of it tells what is written to its stderr. */
async function newLife(): Promise<{ readonly words: readonly string[]; readonly log: () => string }> {
  lives += 1;
  // Not a pipe of Node's, which is a socket: a container has one that can be opened.
  const file = join(directory.path, `log-${lives}`);
  const log = () => readFileSync(file, 'utf8');
  const opened = openSync(file, 'a');
  const words = ['--mount', '--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c', MADE];
  const child = spawn('unshare', words, { stdio: ['ignore', 'ignore', opened] });
  closeSync(opened);
  running.push(child);
  await expect.poll(log, { timeout: PATIENCE }).toContain('ready');
  const [inside] = spawnSync('cat', [`/proc/${child.pid}/task/${child.pid}/children`], {
    encoding: 'utf8',
  }).stdout.split(' ');
  return { words: ['nsenter', '--target', `${inside}`, '--mount', '--pid'], log };
}

type Ran = { readonly code: number | null; readonly line: string };

function probe(
  life: readonly string[],
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Ran {
  const [program = '', ...rest] = [...life, REHUP_BIN, 'probe', ...words];
  const { status, stdout, stderr } = spawnSync(program, rest, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  return { code: status, line: (stdout + stderr).trimEnd() };
}

function newVolume(): Volume {
  // Others than root are to read it.
  chmodSync(directory.path, 0o755);
  return writtenVolume(join(directory.path, 'volume'), { a: '1', b: '1', c: '1' });
}

const said = (code: number, text: string) => ({ code, line: expect.stringContaining(text) });

describe('rehup probe', () => {
  test('first, same, changed, changed back, and a new start of the container, with a directory that outlives it', async () => {
    const volume = newVolume();
    const words = ['-w', volume.path, '--state', join(directory.path, 'state')];
    const { words: life } = await newLife();
    expect(probe(life, words)).toEqual({ code: 0, line: `rehup probe: baseline taken: ${volume.path}` });
    expect(probe(life, words)).toEqual({ code: 0, line: 'rehup probe: unchanged' });
    volume.write({ a: '1', b: '2', c: '1' });
    expect(probe(life, words)).toEqual({ code: 1, line: `rehup probe: changed: ${volume.path}/b` });
    const { words: next } = await newLife();
    expect(probe(next, words)).toMatchObject(said(0, 'baseline taken'));
    // The other one, which may be a container of the same pod, goes on with its own.
    expect(probe(life, words)).toMatchObject(said(1, 'changed'));
    volume.write({ a: '1', b: '1', c: '1' });
    expect(probe(life, words)).toMatchObject(said(0, 'unchanged'));
    expect(probe(next, words)).toMatchObject(said(1, 'changed'));
    const files = readdirSync(join(directory.path, 'state'));
    expect(files).toHaveLength(2);
    for (const file of files) expect(statSync(join(directory.path, 'state', file)).mode & 0o777).toBe(0o600);
  });

  test('another user than the application: root without CAP_SYS_PTRACE, and nobody', async () => {
    const volume = newVolume();
    const state = join(directory.path, 'state');
    mkdirSync(state);
    chmodSync(state, 0o777);
    const { words: life } = await newLife();
    for (const prefix of [
      ['setpriv', '--bounding-set=-sys_ptrace', '--inh-caps=-all'],
      ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
    ]) {
      const words = ['-w', volume.path, '--state', state];
      const as = [...life, ...prefix];
      volume.write({ a: '1', b: '1', c: '1' });
      expect(probe(as, words)).toMatchObject(said(0, 'baseline taken'));
      volume.write({ a: '2' });
      expect(probe(as, words)).toMatchObject(said(1, 'changed'));
    }
  });

  test('without --state: /tmp, else /dev/shm, and what can not be told is written to the log of the container once', async () => {
    const volume = newVolume();
    const { words: life, log } = await newLife();
    spawnSync(life[0] ?? '', [
      ...life.slice(1),
      'sh',
      '-c',
      'mount --bind /tmp /tmp && mount -o remount,ro,bind /tmp',
    ]);
    expect(probe(life, ['-w', volume.path])).toMatchObject(said(0, 'baseline taken'));
    const [program = '', ...rest] = [...life, 'ls', '/dev/shm/rehup-probe-0'];
    expect(spawnSync(program, rest, { encoding: 'utf8' }).stdout).toMatch(/^rehup-\S+\.baseline\n$/);
    volume.write({});
    for (let run = 1; run <= 3; run++) {
      expect(probe(life, ['-w', volume.path])).toMatchObject(said(0, "can't tell"));
    }
    await expect.poll(log, { timeout: PATIENCE }).toContain('is not there, or empty');
    expect(log().split('rehup probe:')).toHaveLength(2);
  });

  test(`${AT_ONCE} at once agree, and those that are killed half-way leave nothing wrong`, async () => {
    const volume = newVolume();
    const words = ['-w', volume.path, '--state', join(directory.path, 'state')];
    const { words: life } = await newLife();
    const [program = '', ...rest] = [...life, REHUP_BIN, 'probe', ...words];
    const start = () => {
      const child = spawn(program, rest, { stdio: 'ignore' });
      return { child, ended: new Promise<number | null>((resolve) => child.on('close', resolve)) };
    };
    for (let round = 0; round < 5; round++) {
      const { child, ended } = start();
      await new Promise((resolve) => setTimeout(resolve, round * 3));
      child.kill('SIGKILL');
      await ended;
    }
    expect(await Promise.all(Array.from({ length: AT_ONCE }, () => start().ended))).toEqual(
      Array(AT_ONCE).fill(0),
    );
    expect(probe(life, words)).toMatchObject(said(0, 'unchanged'));
    volume.write({ a: '2' });
    expect(await Promise.all(Array.from({ length: AT_ONCE }, () => start().ended))).toEqual(
      Array(AT_ONCE).fill(1),
    );
  });

  test('--and: its exit code counts first', async () => {
    const volume = newVolume();
    const { words: life } = await newLife();
    const own = (and: string) =>
      probe(life, ['--watch', volume.path, '--state', join(directory.path, 'state'), '--and', and]);
    expect(own("sh -c 'echo sick; exit 7'")).toEqual({
      code: 7,
      line: `sick\nrehup probe: baseline taken: ${volume.path}`,
    });
    expect(own('true')).toMatchObject(said(0, 'unchanged'));
    volume.write({ a: '2' });
    expect(own('true')).toMatchObject(said(1, 'changed'));
    expect(own('false')).toMatchObject(said(1, 'changed'));
    expect(own("sh -c 'kill -9 $$'")).toMatchObject(said(137, 'changed'));
    expect(own('no-such-program')).toMatchObject(said(127, '--and no-such-program: not found'));
  });

  test('the options have variables, and bad usage is one line', async () => {
    const volume = newVolume();
    const state = join(directory.path, 'state');
    expect(probe([], [], { REHUP_WATCH: `${volume.path}\n`, REHUP_STATE: state })).toMatchObject(
      said(0, 'baseline taken'),
    );
    expect(probe([], ['-w', volume.path, '--state', state])).toMatchObject(said(0, 'unchanged'));
    expect(probe([], [])).toEqual(said(125, 'no --watch to probe'));
    expect(probe([], ['-w', volume.path, '--splay', '5x'])).toEqual(said(125, '--splay 5x: not a duration'));
    expect(probe([], ['-w', volume.path, '--listen', ':1'])).toEqual(said(125, '--listen: no such option'));
    expect(probe([], ['-w'])).toEqual(said(125, '-w: its value is missing'));
    expect(probe([], ['--help'])).toEqual(said(0, 'Usage: rehup probe'));
  });
});
