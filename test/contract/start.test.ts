import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect } from 'vitest';
import { asks } from '../support/asks.ts';
import { IMAGE_ROOT, PID_NAMESPACE, TERMINATION_LOG } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { childrenOf, type LogObject, REHUP_BIN, rehup, witness } from '../support/rehup.ts';
import { stopped } from '../support/telling.ts';
import { AT_ONCE, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 1 and 2.4 on the built executable: what is told before a child is there, and why there is none. */

const directory = eachWithDirectory();

const warningsOf = (lines: readonly LogObject[]) =>
  lines.filter(({ event }) => event === 'start.warning').map(({ level, msg }) => [level, msg]);

describe('what is probably a mistake', () => {
  needing(PID_NAMESPACE)('is a warning, and runs', async () => {
    const volume = writtenVolume(join(directory.path, 'volume'), { a: '0' });
    const run = rehup(
      [...AT_ONCE, `--watch ${volume.path}`, '--on-change', 'exec:no-such a | b', ...witness('/dev/null')],
      { environment: { REHUP_CHEKC: 'true', REHUP_PORT: 'tcp://10.0.0.1:80' } },
    );
    await run.said('start');
    await run.logged('start.warning', 4);
    const shell = "| means something to a shell only, and none runs it; use sh -c '…'";
    expect(warningsOf(run.log())).toEqual([
      ['warn', `--watch ${volume.path}: an option and its value in one word; make them two`],
      ['warn', 'REHUP_CHEKC: no such variable; did you mean REHUP_CHECK?'],
      ['warn', `--on-change: ${shell}`],
      ['warn', 'exec:no-such a | b: there is no program no-such; it would fail with 127'],
    ]);
    await stopped(run);
  });

  needing(PID_NAMESPACE)('is told by --dry-run too, which looks for COMMAND as well', async () => {
    const volume = writtenVolume(join(directory.path, 'volume'), { a: '0' });
    const words = ['-w', volume.path, '--ready', 'exec:no-such', '--log-format', 'json', 'not-there'];
    const { code, stdout, stderr } = await asks(['--dry-run', ...words]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^rehup \d+\.\d+\.\d+ \((?:static|node)\).*\nwould start: not-there\n/);
    expect(stdout).toMatch(/: kubelet volume on \w+, 1 file, by events; a change: restart \(now \w{12}\)\n/);
    const lines = stderr.trim().split('\n');
    expect(warningsOf(lines.map((line): LogObject => JSON.parse(line)))).toEqual([
      ['warn', 'COMMAND: there is no program not-there; it would fail with 127'],
      ['warn', '--ready: there is no program no-such; it would fail with 127'],
    ]);
  });

  needing(IMAGE_ROOT)('is a watch on the image', async () => {
    const prefix = IMAGE_ROOT.prefix ?? [];
    const run = rehup(['-w', '/etc/dpkg', '--verify', '0', 'sleep', '1000'], {
      prefix: [...prefix, directory.path, dirname(REHUP_BIN)],
    });
    await run.logged('child.started');
    expect(warningsOf(run.log())).toEqual([
      [
        'warn',
        '--watch /etc/dpkg: it lies in the image, and no volume is mounted there: only this container can change it',
      ],
    ]);
    const [first = ''] = run.errors().split('\n');
    expect(JSON.parse(first)).toMatchObject({ watches: [{ path: '/etc/dpkg', system: 'overlay' }] });
    run.signal('SIGTERM');
    expect(await run.ended).toBe(143);
  });
});

needing(PID_NAMESPACE)(
  'the log tells of each child why it was started, and whether its end was asked for',
  async () => {
    const volume = writtenVolume(join(directory.path, 'volume'), { a: '0' });
    const run = rehup([...AT_ONCE, '-w', volume.path, '--on-exit', 'restart', ...witness('/dev/null')]);
    const started = async (nth: number) => {
      await run.said('start', nth);
      return (await run.logged('child.started', nth))['reason'];
    };
    expect(await started(1)).toBe('first');
    volume.write({ a: '1' });
    expect(await started(2)).toBe('reload');
    expect(await run.logged('child.exited')).toMatchObject({ level: 'info', asked: true });
    for (const pid of childrenOf(run.pid())) process.kill(pid, 'SIGKILL');
    expect(await run.logged('child.exited', 2)).toMatchObject({
      level: 'warn',
      signal: 'SIGKILL',
      asked: false,
    });
    expect(await started(3)).toBe('on-exit');
    await stopped(run);
  },
);

describe('/dev/termination-log', () => {
  const test = needing(PID_NAMESPACE, TERMINATION_LOG);

  /** What is left there by a life that ends by itself, for what was there before. */
  async function left(words: readonly string[], before = '', environment = {}) {
    const file = join(directory.path, 'termination-log');
    writeFileSync(file, before);
    const run = rehup(words, { prefix: [...(TERMINATION_LOG.prefix ?? []), file], environment });
    return { code: await run.ended, text: readFileSync(file, 'utf8'), plain: run.plain() };
  }

  test('has the one line of 125, 126 and 127, where it is an empty file', async () => {
    const empty = join(directory.path, 'empty');
    writeFileSync(empty, '');
    for (const [words, code, line] of [
      [
        ['--settle', '5x', 'true'],
        125,
        'rehup: --settle 5x: not a duration; use for example 250ms, 5s, 2m\n',
      ],
      [
        ['-w', '/nowhere/at/all', 'true'],
        125,
        'rehup: --watch /nowhere/at/all: not there, and neither is its',
      ],
      [['--check', 'false', 'true'], 125, 'rehup: the check false exited with 1\n'],
      [['/nowhere/at/all'], 127, "rehup: /nowhere/at/all can't be started: not found (or its"],
      [[empty], 126, `rehup: ${empty} can't be started: not executable`],
      [['--log-level', 'silent', empty], 126, `rehup: ${empty} can't be started: not executable`],
    ] as const) {
      const { code: ended, text } = await left(words);
      expect([words, ended, text.split('\n').length]).toEqual([words, code, 2]);
      expect(text.startsWith(line)).toBe(true);
    }
  });

  test('is left alone by a child’s own code, and where something stands there', async () => {
    expect(await left(['sh', '-c', 'exit 125'])).toMatchObject({ code: 125, text: '' });
    expect(await left(['--settle', '5x', 'true'], 'mine\n')).toMatchObject({ code: 125, text: 'mine\n' });
  });
});
