import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE, PYTHON } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { type Rehup, rehup } from '../support/rehup.ts';
import { eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 3, "a signal must not kill by accident", with victims as people run them. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const RERAISER = join(import.meta.dirname, '../victims/reraiser.mjs');
const VERIFY = ['--min-interval', '0', '--poll', '0', '--verify', '1s'];
/** In which one that dies of what it was told is dead, on a busy machine too. */
const DEAD = [...VERIFY, '--verify', '6s'];

function newVolume() {
  return writtenVolume(join(directory.path, 'volume'), { a: '0' });
}

function events(run: Rehup, ...names: readonly string[]): readonly string[] {
  return run
    .log()
    .map((line) => line.event)
    .filter((event) => names.includes(event));
}

/** The codes with which children ended, or the signals of which. */
function codes(run: Rehup): readonly unknown[] {
  return run
    .log()
    .filter((line) => line.event === 'child.exited')
    .map((line) => line['code'] ?? line['signal']);
}

async function stopped(run: Rehup): Promise<void> {
  run.signal('SIGTERM');
  await run.ended;
  expect(events(run, 'rehup.internal_error', 'reload.failed')).toEqual([]);
}

/** Two changes, each a restart; a stop signal other than the one that was asked for shows which of them ended the child. */
async function restartedTwice(signal: string, words: readonly string[]): Promise<Rehup> {
  const volume = newVolume();
  const run = rehup(['-w', volume.path, '--on-change', signal, '--stop-signal', 'INT', ...VERIFY, ...words]);
  await run.said('start');
  for (const change of [1, 2]) {
    volume.write({ a: `${change}` });
    await run.said('start', change + 1);
    await run.logged('reload.applied', change);
  }
  const pids = run.output.filter((line) => line.startsWith('start')).map((line) => line.split(' ')[1]);
  expect(new Set(pids).size).toBe(3);
  expect(run.log().filter((line) => line.event === 'reload.restart_instead')).toHaveLength(1);
  // SIGINT, the stop signal: none died of the signal that was to reload it.
  expect(codes(run)).toEqual(['SIGINT', 'SIGINT']);
  return run;
}

describe('a victim without a handler is restarted, and never signalled', () => {
  test('a shell script', async () => {
    const script = 'echo start $$; while :; do sleep 1; done';
    await stopped(await restartedTwice('HUP', ['sh', '-c', script]));
  });

  needing(PID_NAMESPACE, PYTHON)('Python', async () => {
    const script =
      'import os, signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL); print("start", os.getpid(), flush=True); time.sleep(1000)';
    await stopped(await restartedTwice('USR1', ['python3', '-c', script]));
  });
});

describe('a victim that catches HUP without meaning it', () => {
  for (const how of ['raise', '129']) {
    test(`and dies of it (${how}) is started again in the same reload, and restarted from then on`, async () => {
      const volume = newVolume();
      const words = [process.execPath, RERAISER, join(volume.path, 'a'), how];
      const run = rehup(['-w', volume.path, '--on-change', 'HUP', ...DEAD, ...words]);
      await run.said('start');
      await run.logged('child.started');
      volume.write({ a: '1' });
      expect(await run.said('start', 2)).toMatch(/ 1$/);
      expect((await run.logged('reload.applied', 1))['reload']).toBe(1);
      volume.write({ a: '2' });
      expect(await run.said('start', 3)).toMatch(/ 2$/);
      expect((await run.logged('reload.applied', 2))['reload']).toBe(2);
      await stopped(run);
      expect(run.output.filter((line) => line === 'caught')).toHaveLength(1);
      expect(codes(run)[0]).toBe(how === 'raise' ? 'SIGHUP' : 129);
      expect(events(run, 'reload.applied', 'reload.failed', 'reload.superseded')).toEqual([
        'reload.applied',
        'reload.applied',
      ]);
    });
  }

  test('and dies of something else has failed, and --on-exit decides', async () => {
    const volume = newVolume();
    const words = [process.execPath, RERAISER, join(volume.path, 'a'), '3'];
    const run = rehup(['-w', volume.path, '--on-change', 'HUP', ...DEAD, ...words]);
    await run.said('start');
    await run.logged('child.started');
    volume.write({ a: '1' });
    expect(await run.ended).toBe(3);
    expect(events(run, 'reload.applied', 'reload.failed', 'reload.restart_instead')).toEqual([
      'reload.failed',
    ]);
  });
});

describe('a victim that takes its signals without a handler', () => {
  needing(PID_NAMESPACE, PYTHON)(
    'but blocks them and looks for them is signalled, and the log says so',
    async () => {
      const volume = newVolume();
      const script = `import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
print("start", flush=True)
while True:
  while signal.SIGHUP not in signal.sigpending(): time.sleep(0.02)
  signal.sigwait([signal.SIGHUP])
  print("took", flush=True)`;
      const run = rehup(['-w', volume.path, '--on-change', 'HUP', ...VERIFY, ...['python3', '-c', script]]);
      await run.said('start');
      await run.logged('child.started');
      volume.write({ a: '1' });
      await run.said('took');
      await run.logged('reload.applied');
      await stopped(run);
      expect(events(run, 'reload.restart_instead', 'reload.unchecked')).toEqual(['reload.unchecked']);
    },
  );
});

describe('Node', () => {
  test('catches USR1 by itself: it lives on, and is told', async () => {
    const volume = newVolume();
    const script = 'console.log("start", process.pid); setInterval(() => {}, 1000)';
    const words = [process.execPath, '-e', script];
    const run = rehup(['-w', volume.path, '--on-change', 'USR1', ...VERIFY, ...words]);
    await run.said('start');
    await run.logged('child.started');
    volume.write({ a: '1' });
    await run.logged('reload.applied');
    expect(events(run, 'reload.restart_instead', 'child.exited')).toEqual([]);
    run.signal('SIGTERM');
    await run.ended;
    expect(run.output.filter((line) => line.startsWith('start'))).toHaveLength(1);
  });
});
