import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import { createVolume } from '../support/kubelet.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { disposeAll, IS_NODE, PATIENCE, REHUP_BIN, type Rehup, rehup, witness } from '../support/rehup.ts';

/** That rehup does not grow, however much it does. `npm run soak` counts further. */

const test = needing(PID_NAMESPACE);

/** Where the sanitizers are in charge, memory is theirs to keep. */
const IS_SANITIZED = REHUP_BIN.endsWith('-asan');

const SOAK = process.env['REHUP_SOAK'] === '1';

const directory = mkdtempSync(join(tmpdir(), 'rehup-endurance-'));

afterAll(async () => {
  await disposeAll();
  rmSync(directory, { recursive: true });
});

/** KiB that may come and go: both engines collect what is left over only now and then. */
const SLACK = IS_NODE ? 16 * 1024 : 512;

/** Descriptors that come and go with a child, its check and a look: far less than one for each round. */
const AT_WORK = 4;

type Size = { readonly kib: number; readonly descriptors: number };

function sizeOf(self: Rehup): Size {
  const pid = self.pid();
  const kib = Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return { kib, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

/** Waits for so many lines of output, looking in each turn of the loop. */
async function lines(self: Rehup, count: number): Promise<void> {
  const until = Date.now() + PATIENCE;
  while (self.output.length < count) {
    if (Date.now() > until) throw new Error(`${self.output.length} lines instead of ${count}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function expectNoGrowth(before: Size, after: Size): void {
  if (SOAK) console.log(`${before.kib} KiB after a tenth of them, ${after.kib} KiB in the end`);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + AT_WORK);
  if (!IS_SANITIZED) expect(after.kib).toBeLessThanOrEqual(before.kib + SLACK);
}

describe('rehup does not grow', () => {
  test('by signals, and loses none', { timeout: 600_000 }, async () => {
    const count = SOAK ? 50_000 : 2_000;
    const self = rehup(['--log-level', 'silent', ...witness('/dev/null')]);
    await lines(self, 1);
    let before: Size | undefined;
    for (let sent = 1; sent <= count; sent++) {
      self.signal((['SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const)[sent % 3] ?? 'SIGHUP');
      await lines(self, 1 + sent);
      if (sent === count / 10) before = sizeOf(self);
    }
    if (before === undefined) throw new Error('never measured');
    expectNoGrowth(before, sizeOf(self));
    expect(self.output).toHaveLength(1 + count);
  });

  test('by restarts, each with the new content', { timeout: 900_000 }, async () => {
    const count = SOAK ? 5_000 : 100;
    const path = join(directory, 'volume');
    const volume = createVolume(path);
    volume.write({ key: '0' });
    const options = ['--log-level', 'silent', '-w', path, '--min-interval', '0', '--verify', '0'];
    const self = rehup([...options, 'sh', '-c', `echo "$(cat ${path}/key)"; exec sleep 1000`]);
    await lines(self, 1);
    let before: Size | undefined;
    for (let round = 1; round <= count; round++) {
      volume.write({ key: `${round}` });
      await lines(self, 1 + round);
      if (round === count / 10) before = sizeOf(self);
    }
    if (before === undefined) throw new Error('never measured');
    expectNoGrowth(before, sizeOf(self));
    expect(self.output).toEqual(Array.from({ length: count + 1 }, (_, round) => `${round}`));
  });
});
