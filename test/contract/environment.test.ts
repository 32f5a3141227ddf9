import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { script } from '../support/processes.ts';
import { type Rehup, type RehupOptions, rehup } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** The environment of the child from files, from outside (specification 1, `--env-dir`, and 3). */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

const SETTLED = [...AT_ONCE, '--settle', '0'];

/** Tells of some variables, and ends of a TERM: one process, so that none is missed while another one is made. */
function telling(...names: readonly string[]): readonly string[] {
  const values = names.map((name) => `${name}=\${${name}-unset}`).join(' ');
  return ['sh', '-c', `echo "start ${values}"; exec sleep 4242`];
}

async function started(
  directories: readonly string[],
  child: readonly string[],
  more: readonly string[] = [],
  options: RehupOptions = {},
): Promise<Rehup> {
  const words = directories.flatMap((path) => ['--env-dir', path]);
  const run = rehup([...words, ...SETTLED, ...more, ...child], options);
  await run.said('start');
  await run.logged('child.started');
  return run;
}

const starts = (run: Rehup) => run.output.filter((line) => line.startsWith('start'));

async function stopped(run: Rehup): Promise<void> {
  run.signal('SIGTERM');
  expect(await run.ended).toBe(143);
}

describe('the environment', () => {
  test('is the inherited one, over that the directories in their order, each value less one newline', async () => {
    const one = writtenVolume(here('one'), { A: 'a of one\n', B: 'b of one', C: 'c\n\n' });
    const two = writtenVolume(here('two'), { B: 'b of two\n', D: '' });
    const child = telling('A', 'B', 'C', 'D', 'E', 'F');
    const run = await started([one.path, two.path], child, [], { environment: { A: 'inherited', E: 'e' } });
    await run.said(' D=');
    // The second newline of C is its own.
    expect(run.output.slice(0, 2)).toEqual(['start A=a of one B=b of two C=c', ' D= E=e F=unset']);
  });

  test('changes with its files by a restart, and a key that is removed takes its variable away', async () => {
    const volume = writtenVolume(here('one'), { A: '1', B: '2' });
    const run = await started([volume.path], telling('A', 'B'), ['--on-change', 'HUP'], {
      environment: { B: 'inherited' },
    });
    volume.write({ A: '3', B: '2' });
    expect(await run.said('start', 2)).toBe('start A=3 B=2');
    volume.write({ A: '3' });
    expect(await run.said('start', 3)).toBe('start A=3 B=inherited');
    volume.write({ B: '' });
    expect(await run.said('start', 4)).toBe('start A=unset B=');
    await run.logged('reload.applied', 3);
    await stopped(run);
    expect(starts(run)).toHaveLength(4);
  });

  test('that comes out the same is no restart: overridden, only a newline, no name of a variable', async () => {
    const one = writtenVolume(here('one'), { A: 'hidden', B: 'b' });
    const two = writtenVolume(here('two'), { A: 'seen' });
    const run = await started([one.path, two.path], telling('A', 'B'));
    one.write({ A: 'hidden otherwise', B: 'b' });
    await run.logged('config.changed', 1);
    one.write({ A: 'hidden otherwise', B: 'b\n' });
    await run.logged('config.changed', 2);
    one.write({ A: 'hidden otherwise', B: 'b\n', 'no name': 'x' });
    await run.logged('config.changed', 3);
    await run.logged('environment.skipped');
    one.write({ A: 'hidden otherwise', B: 'b\n', 'no name': 'y' });
    await run.logged('reload.applied', 4);
    expect(starts(run)).toHaveLength(1);
    one.write({ A: 'hidden otherwise', B: 'c' });
    expect(await run.said('start', 2)).toBe('start A=seen B=c');
    await stopped(run);
    expect(run.log().filter((line) => line.event === 'environment.skipped')).toHaveLength(1);
  });

  test('leaves out what is no name of a variable, and says so by name', async () => {
    const volume = writtenVolume(here('one'), { A: 'a', '1ST': 'x', 'with space': 'y', 'with.dot': 'z' });
    const run = await started([volume.path], ['sh', '-c', 'echo start; env; exec sleep 4242']);
    await run.said('A=');
    await run.logged('environment.skipped', 2);
    const skipped = run.log().filter((line) => line.event === 'environment.skipped');
    expect(skipped.map((line) => line['path'])).toEqual([
      join(volume.path, '1ST'),
      join(volume.path, 'with space'),
    ]);
    run.signal('SIGTERM');
    await run.ended;
    expect(run.output.some((line) => /1ST|with space/.test(line))).toBe(false);
  });

  test('says where the command is found', async () => {
    for (const name of ['old', 'new']) {
      mkdirSync(here(name));
      script(here(`${name}/application`), `echo start ${name}; exec sleep 4242`);
    }
    const path = process.env['PATH'] ?? '';
    const volume = writtenVolume(here('one'), { PATH: `${here('old')}:${path}` });
    const run = await started([volume.path], ['application']);
    expect(starts(run)).toEqual(['start old']);
    volume.write({ PATH: `${here('new')}:${path}` });
    expect(await run.said('start', 2)).toBe('start new');
    await stopped(run);
  });
});

describe('a value that no variable can hold', () => {
  const IMPOSSIBLE = [
    ['with a NUL', 'hunter2\0more'],
    ['too long', 'hunter2'.padEnd(140_000, 'x')],
  ] as const;

  test.each(IMPOSSIBLE)('%s ends the first start with 125', async (_, value) => {
    const volume = writtenVolume(here('one'), { SECRET: value });
    const run = rehup(['--env-dir', volume.path, ...telling('SECRET')]);
    expect(await run.ended).toBe(125);
    expect(run.output).toEqual([]);
    expect(run.log().map(({ event }) => event)).toEqual(['start.refused']);
    expect(run.plain()).toHaveLength(1);
    expect(run.plain()[0]).toContain(`rehup: the variable SECRET of ${join(volume.path, 'SECRET')}: `);
    expect(run.errors()).not.toContain('hunter2');
  });

  test.each(IMPOSSIBLE)('%s is a rejected reload, and the child is not touched', async (_, value) => {
    const volume = writtenVolume(here('one'), { SECRET: 'fine' });
    const run = await started([volume.path], telling('SECRET'));
    volume.write({ SECRET: value });
    expect((await run.logged('reload.rejected'))['reason']).toContain('the variable SECRET of ');
    expect(run.output).toEqual(['start SECRET=fine']);
    volume.write({ SECRET: 'fine' });
    await run.logged('rehup.recovered');
    expect(run.output).toEqual(['start SECRET=fine']);
    volume.write({ SECRET: 'finer' });
    expect(await run.said('start', 2)).toBe('start SECRET=finer');
    await stopped(run);
    expect(run.errors()).not.toContain('hunter2');
  });
});

describe('values', () => {
  const VALUES = ['hunter2-one', 'hunter2-two', 'hunter2-three'] as const;

  test('are in no output of rehup, at no level', async () => {
    const [first, second, third] = VALUES;
    const volume = writtenVolume(here('one'), { SECRET: first, 'no name': first });
    const check = script(here('check'), `test "$SECRET" != ${second}`);
    const more = ['--check', check, '--log-level', 'trace'];
    const run = await started([volume.path], telling('NOTHING'), more);
    volume.write({ SECRET: second });
    await run.logged('reload.rejected');
    volume.write({ SECRET: third, 'no name': third });
    await run.said('start', 2);
    await stopped(run);
    for (const value of VALUES) expect(run.errors()).not.toContain(value);
  });
});
