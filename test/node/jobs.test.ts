import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createJobs } from '../../src/core/jobs/jobs.ts';
import type { JobOutcome } from '../../src/core/state/job.ts';
import { createNames } from '../../src/node/network/names.ts';
import { createNetwork } from '../../src/node/network/network.ts';
import { createCommands } from '../../src/node/process/commands.ts';
import { drive } from '../support/driver.ts';

/** Jobs on the Node host: real commands. */

const told: ((outcome: JobOutcome) => void)[] = [];
const jobs = createJobs({
  commands: createCommands('/tmp', new Set()),
  network: createNetwork(),
  names: createNames(),
  drive: (steps, tell) => tell(drive(steps)),
  reach: (_words, _environment, tell) => tell(undefined),
  ended: (job, outcome) => told[job]?.(outcome),
});

function run(...words: readonly string[]): Promise<JobOutcome> {
  return new Promise((resolve) => {
    const job = told.push(resolve) - 1;
    jobs.begin(job, { kind: 'command', words, environment: ['PATH=/usr/bin:/bin'] });
  });
}

const code = (number: number) => ({ kind: 'code', code: number }) as const;

test('a command ends with its status and the end of what it wrote, to a pipe that can be opened', async () => {
  const script = 'pwd; echo err >&2; echo dev > /dev/stderr; sleep 100 & exit 3';
  const outcome = await run('sh', '-c', script);
  expect(outcome).toEqual({ kind: 'exited', status: code(3), output: '/tmp\nerr\ndev\n' });
  expect(await run('sh', '-c', 'kill -9 $$')).toMatchObject({ status: { kind: 'signal', signal: 9 } });
});

test('a command that can not be started says why, and none leaves a descriptor', async () => {
  expect(await run('no-such-command')).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('ENOENT'),
  });
  expect(await run('/etc/passwd')).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('EACCES'),
  });
  const before = readdirSync('/proc/self/fd').length;
  for (let count = 0; count < 20; count++) await run('true');
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before);
});
