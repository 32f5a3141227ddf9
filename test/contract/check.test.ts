import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { commandsBelow, linesOf, script } from '../support/processes.ts';
import { IN_TIME, PATIENCE, type Rehup, type RehupOptions, rehup, witness } from '../support/rehup.ts';
import { AT_ONCE, count, crowdedVolume, eachWithDirectory, told, writtenVolume } from '../support/volume.ts';

/** The check of new content, from outside (specification 5, *check* and *start*). */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

/** A check that lets `good…` through, does something else with other content, and leaves a line for each of its runs. */
function checker(otherwise: string): string {
  const text = `echo ran >> '${here('runs')}'; case $(cat "$1/key") in good*) exit 0;; esac\n${otherwise}`;
  return `${script(here('check'), text)} {dir}`;
}

const runs = () => linesOf(here('runs')).length;
const checked = () => writtenVolume(here('volume'), { key: 'good 1' });

/** A witness under rehup that gets a SIGHUP for each change that passes the check. */
async function guarded(
  check: string,
  more: readonly string[] = [],
  child: readonly string[] = [],
  options: RehupOptions = {},
): Promise<Rehup> {
  const own = ['-w', here('volume'), '--on-change', 'HUP', ...AT_ONCE, '--check', check, ...more];
  const run = rehup([...own, ...witness(join(here('volume'), 'key'), ...child)], options);
  await run.said('start');
  return run;
}

async function stopped(run: Rehup): Promise<readonly string[]> {
  run.signal('SIGTERM');
  expect(await run.ended).toBe(0);
  return told(run).filter((line) => line.startsWith('SIG'));
}

const events = (run: Rehup) => run.log().map((line) => line.event);
const gone = (run: Rehup, word: string) =>
  expect
    .poll(() => commandsBelow(run.pid()).filter((line) => line.includes(word)), { timeout: PATIENCE })
    .toEqual([]);

describe('a check', () => {
  test('that passes lets the change through, once for the start and once for each change', async () => {
    const volume = checked();
    const run = await guarded(checker('exit 1'));
    volume.write({ key: 'good 2' });
    expect(await run.said('SIGHUP')).toBe('SIGHUP good 2');
    expect(await stopped(run)).toEqual(['SIGHUP good 2', 'SIGTERM good 2']);
    expect(runs()).toBe(2);
  });

  test('that rejects keeps the application on what it has: once, with the end of its output, until the content changes', async () => {
    const volume = checked();
    const run = await guarded(checker('seq 30; echo wrong >&2; exit 3'));
    volume.write({ key: 'bad' });
    const rejected = await run.logged('reload.rejected');
    expect(rejected['reason']).toBe(`the check ${here('check')} exited with 3`);
    expect(rejected['output']).toEqual([
      ...Array.from({ length: 19 }, (_, index) => String(index + 12)),
      'wrong',
    ]);
    expect((await run.logged('watch.stale'))['watch']).toBe(volume.path);
    await run.logged('rehup.degraded');
    volume.rewrite({ key: 'bad' });
    // What was good is good again, without a reload.
    volume.write({ key: 'good 1' });
    await run.logged('watch.fresh');
    await run.logged('rehup.recovered');
    expect([runs(), count(run, 'SIGHUP')]).toEqual([2, 0]);
    volume.write({ key: 'worse' });
    await run.logged('reload.rejected', 2);
    volume.write({ key: 'good 2' });
    await run.said('SIGHUP');
    await run.logged('rehup.recovered', 2);
    expect(await stopped(run)).toEqual(['SIGHUP good 2', 'SIGTERM good 2']);
    expect(runs()).toBe(4);
  });

  test.each([
    ['exited with 126', 'exit 126'],
    ['exited with 127', 'exit 127'],
    ['was ended by SIGKILL', 'kill -9 $$'],
    ['was ended by SIGTERM', 'kill $$'],
    // Long enough for a check that passes on a busy machine: the start is checked as well.
    ['took longer than 8000 ms', 'sleep 4242 & wait'],
  ])('that %s says nothing of the content: it fails, and is no rejection', async (reason, otherwise) => {
    const volume = checked();
    const run = await guarded(checker(otherwise), ['--check-timeout', IN_TIME]);
    volume.write({ key: 'other' });
    expect((await run.logged('reload.failed'))['reason']).toBe(`the check ${here('check')} ${reason}`);
    await run.logged('watch.stale');
    await gone(run, '4242');
    volume.write({ key: 'good 2' });
    expect(await run.said('SIGHUP')).toBe('SIGHUP good 2');
    await run.logged('watch.fresh');
    expect(await stopped(run)).toEqual(['SIGHUP good 2', 'SIGTERM good 2']);
    expect(events(run)).not.toContain('reload.rejected');
  });

  test('that could not run is tried again by itself', async () => {
    const volume = checked();
    writeFileSync(here('broken'), '');
    const run = await guarded(checker(`test -e '${here('broken')}' && exit 127; exit 0`));
    volume.write({ key: 'other' });
    await run.logged('reload.failed');
    rmSync(here('broken'));
    expect(await run.said('SIGHUP')).toBe('SIGHUP other');
    await run.logged('rehup.recovered');
    expect(runs()).toBe(3);
    expect(await stopped(run)).toEqual(['SIGHUP other', 'SIGTERM other']);
  });

  test('whose program is gone is no rejection either', async () => {
    const volume = checked();
    const run = await guarded(checker('exit 1'));
    rmSync(here('check'));
    volume.write({ key: 'good 2' });
    expect((await run.logged('reload.failed'))['reason']).toContain(here('check'));
    expect(await stopped(run)).toEqual(['SIGTERM good 2']);
    expect(events(run)).not.toContain('reload.rejected');
  });

  test('gets the directory, what changed, an empty stdin, and the environment that the child would get', async () => {
    const volume = checked();
    const variables = writtenVolume(here('variables'), { NAME: 'one\n' });
    const report = `{ echo "$1"; echo "$REHUP_CHANGED"; readlink /proc/$$/fd/0; echo "$NAME $OTHER"; } > '${here('report')}'`;
    const check = `${script(here('check'), report)} {dir:${volume.path}}/key`;
    const more = ['--env-dir', variables.path, '--settle', '0'];
    const run = await guarded(check, more, [], {
      unreadStdin: true,
      environment: { NAME: 'inherited', OTHER: 'other' },
    });
    expect(linesOf(here('report')).at(-1)).toBe('one other');
    variables.write({ NAME: 'two\n' });
    await run.said('start', 2);
    expect(linesOf(here('report'))).toEqual([
      join(volume.path, 'key'),
      join(variables.path, 'NAME'),
      '/dev/null',
      'two other',
    ]);
    volume.write({ key: '2', more: '3' });
    await run.said('SIGHUP');
    expect(linesOf(here('report'))).toEqual([
      join(volume.path, 'key'),
      join(volume.path, 'key'),
      join(volume.path, 'more'),
      '/dev/null',
      'two other',
    ]);
  });

  test('gets thousands of changed paths in a file, and the first of them in the variable, at the start and later', async () => {
    const name = (index: number) => `key-${String(index).padStart(4, '0')}-${'x'.repeat(60)}`;
    const names = Array.from({ length: 3_000 }, (_, index) => name(index));
    const volume = crowdedVolume(here('volume'), names, '1');
    const report = `{ wc -l < "$REHUP_CHANGED_FILE"; cat "$REHUP_CHANGED_FILE" | sort -u | sed -n '1p;$p'; wc -l <&3
      echo "$REHUP_CHANGED" | wc -l; echo "$REHUP_CHANGED" | tail -n 2; } > '${here('report')}'`;
    const run = await guarded(script(here('check'), report), [], [], {
      environment: { REHUP_CHANGED_FILE: '/nowhere', REHUP_CHANGED: 'nothing' },
    });
    const path = (index: number) => join(volume.path, name(index));
    const first = Math.floor(65_536 / (path(0).length + 1));
    const expected = ['3000', path(0), path(2_999), '3000', `${first + 1}`, path(first - 1), '…'];
    expect(linesOf(here('report')).map((line) => line.trim())).toEqual(expected);
    rmSync(here('report'));
    volume.write('2');
    await run.said('SIGHUP');
    expect(linesOf(here('report')).map((line) => line.trim())).toEqual(expected);
  });

  test('of a stage sees the new content before the application can', async () => {
    const volume = checked();
    mkdirSync(here('target'));
    const text = `{ cat "$1/key"; echo; cat '${here('target/key')}'; echo; } >> '${here('report')}'`;
    const check = `${script(here('check'), text)} {dir}`;
    const staging = ['--stage', `${volume.path}=${here('target')}`, '--on-change', 'HUP', ...AT_ONCE];
    const run = rehup([...staging, '--check', check, ...witness(here('target/key'))]);
    expect(await run.said('start')).toMatch(/ good 1$/);
    volume.write({ key: 'good 2' });
    expect(await run.said('SIGHUP')).toBe('SIGHUP good 2');
    expect(linesOf(here('report')).filter((line) => line !== '')).toEqual(['good 1', 'good 2', 'good 1']);
  });

  test('whose content changes under it is ended with all that it started, and the newer content checked', async () => {
    const volume = checked();
    const run = await guarded(checker(`(sleep 4242) & echo slow >> '${here('slow')}'; wait`));
    volume.write({ key: 'slow' });
    await expect.poll(() => linesOf(here('slow')), { timeout: PATIENCE }).toEqual(['slow']);
    volume.write({ key: 'good 2' });
    await run.logged('reload.superseded');
    expect(await run.said('SIGHUP')).toBe('SIGHUP good 2');
    await gone(run, '4242');
    await run.logged('reload.applied');
    expect(events(run).filter((event) => event.startsWith('reload.'))).toEqual([
      'reload.superseded',
      'reload.applied',
    ]);
  });

  test('is ended with all that it started when a stop comes, while the child takes its time', async () => {
    const volume = checked();
    const check = checker(`(sleep 4242) & echo slow >> '${here('slow')}'; wait`);
    const run = await guarded(check, [], ['delay=3000', 'exit=3']);
    volume.write({ key: 'slow' });
    await expect.poll(() => linesOf(here('slow')), { timeout: PATIENCE }).toEqual(['slow']);
    run.signal('SIGTERM');
    await run.said('SIGTERM');
    await gone(run, '4242');
    expect(commandsBelow(run.pid()).some((line) => line.includes('witness'))).toBe(true);
    expect(await run.ended).toBe(3);
    expect(told(run).filter((line) => line.startsWith('SIG'))).toEqual(['SIGTERM slow']);
  });

  test('leaves no zombies, whatever it left running', async () => {
    const volume = checked();
    const leaving = 'for i in 1 2 3 4 5; do (setsid sleep 0.1 &) ; done; exit 1';
    const run = await guarded(checker(leaving));
    for (let round = 1; round <= 3; round++) {
      volume.write({ key: `bad ${round}` });
      await run.logged('reload.rejected', round);
    }
    await expect.poll(() => commandsBelow(run.pid()).length, { timeout: PATIENCE }).toBe(1);
    expect(await stopped(run)).toEqual(['SIGTERM bad 3']);
  });
});

describe('before a start', () => {
  test('of the first child, a check that rejects ends it all with 125, one line, and what the check wrote in the log', async () => {
    writtenVolume(here('volume'), { key: 'bad' });
    const check = checker('echo so wrong; exit 3');
    const run = rehup(['-w', here('volume'), '--check', check, ...witness('/dev/null')]);
    expect(await run.ended).toBe(125);
    expect(run.output).toEqual([]);
    const reason = `the check ${here('check')} exited with 3`;
    expect(run.log()).toMatchObject([{ event: 'start.refused', reason, output: ['so wrong'] }]);
    expect(run.plain()).toEqual([`rehup: ${reason}`]);
  });

  test.each(['exit 127', 'sleep 4242 & wait'])(
    'of the first child, a check that could not run (%s) does as well',
    async (otherwise) => {
      writtenVolume(here('volume'), { key: 'other' });
      // In which it begins on a busy machine too.
      const options = ['--check', checker(otherwise), '--check-timeout', IN_TIME];
      const run = rehup(['-w', here('volume'), ...options, ...witness('/dev/null')]);
      expect(await run.ended).toBe(125);
      expect(run.output).toEqual([]);
      expect(runs()).toBe(1);
    },
  );

  test('of a later child, one that rejects is told, and the child started all the same', async () => {
    const volume = checked();
    const run = await guarded(
      checker('exit 3'),
      ['--on-exit', 'restart'],
      ['on=SIGUSR2', 'exit=4', 'uncaught=SIGTERM'],
    );
    volume.write({ key: 'bad' });
    await run.logged('reload.rejected');
    run.signal('SIGUSR2');
    expect((await run.logged('start.degraded'))['reason']).toBe(`the check ${here('check')} exited with 3`);
    expect(await run.said('start', 2)).toMatch(/ bad$/);
    volume.write({ key: 'good 2' });
    await run.said('SIGHUP');
    await run.logged('rehup.recovered');
  });
});

describe('where Secrets are', () => {
  const memory = eachWithDirectory('/dev/shm');

  test('the output of a check stays out of the log', async () => {
    const volume = writtenVolume(join(memory.path, 'volume'), { key: 'good 1' });
    const check = script(here('check'), 'cat "$1/key"; case $(cat "$1/key") in good*) exit 0;; esac; exit 1');
    const watching = ['-w', volume.path, '--on-change', 'HUP', ...AT_ONCE, '--log-level', 'trace'];
    const run = rehup([...watching, '--check', `${check} {dir}`, ...witness('/dev/null')]);
    await run.said('start');
    volume.write({ key: 'hunter2' });
    expect(await run.logged('reload.rejected')).not.toHaveProperty('output');
    run.signal('SIGTERM');
    await run.ended;
    expect(run.errors()).not.toContain('hunter2');
    const anew = rehup([...watching, '--check', `${check} {dir}`, ...witness('/dev/null')]);
    expect(await anew.ended).toBe(125);
    expect(anew.log().map(({ event }) => event)).toContain('start.refused');
    expect(anew.errors()).not.toContain('hunter2');
  });
});
