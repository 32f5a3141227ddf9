import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { type Capability, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { onlyTheChild } from '../support/processes.ts';
import { childrenOf, PATIENCE, REHUP_BIN, rehup } from '../support/rehup.ts';
import { storm, VICTIMS_IN_C } from '../support/victims.ts';
import { eachWithDirectory } from '../support/volume.ts';

/** Specification 2.3: every zombie is reaped, however many at once, and no exit status is lost or mistaken. */

const test = needing(PID_NAMESPACE, VICTIMS_IN_C);
eachWithDirectory();

const SOAK = process.env['REHUP_SOAK'] === '1';

/** nsenter(1) stands in for `kubectl exec`. */
const ENTERING: Capability = {
  prefix: process.getuid?.() === 0 && spawnSync('nsenter', ['--version']).status === 0 ? [] : undefined,
  remedy: 'the right to enter a namespace (as root: apt-get install -y util-linux)',
};

/** Runs rehup to its end with nothing on stdin. */
function run(words: readonly string[], prefix: readonly string[] = PID_NAMESPACE.prefix ?? []) {
  const [program = '', ...rest] = [...prefix, REHUP_BIN, '--log-level', 'silent', ...words];
  return spawnSync(program, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** rehup below another process of the namespace, and so a subreaper. */
const BELOW = [...(PID_NAMESPACE.prefix ?? []), 'sh', '-c', '"$@"; exit $?', 'sh'];

describe.each([
  { as: 'PID 1', prefix: PID_NAMESPACE.prefix ?? [] },
  { as: 'a subreaper', prefix: BELOW },
])('orphans of $as', ({ prefix }) => {
  test('that die at once are all reaped, and the child’s code is its own', { timeout: 600_000 }, () => {
    const count = SOAK ? 10_000 : 1_000;
    const { status, stdout } = run(storm(count, 7), prefix);
    expect(status).toBe(7);
    const [ready, gone = ''] = stdout.trim().split('\n');
    expect(ready).toBe(`ready ${count}`);
    expect(gone).toMatch(/^gone /);
    if (SOAK) console.log(`${count} orphans: ${gone} ms`);
  });

  test('that die together with the child confuse nothing', { timeout: 900_000 }, () => {
    const rounds = SOAK ? 1_000 : 15;
    for (let round = 0; round < rounds; round++) {
      const code = (round * 7) % 256;
      expect(run(storm(20, code, 'leave'), prefix).status).toBe(code);
    }
  });

  test('that live on cost nothing: rehup sleeps', async () => {
    const child = ['sh', '-c', '(sleep 30 & sleep 30 &) ; echo ready; exec sleep 60'];
    const self = rehup(['--poll', '0', ...child], { prefix });
    await self.said('ready');
    await self.logged('child.started');
    const [pid = 0] = prefix === BELOW ? childrenOf(self.pid()) : [self.pid()];
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0]).toBe(REHUP_BIN);
    const ticks = () => spawnSync('cut', ['-d', ' ', '-f', '14,15', `/proc/${pid}/stat`]).stdout.toString();
    // What is left of the start is done first, whenever a busy machine comes to it.
    const sleeps = async () => {
      const before = ticks();
      await new Promise((resolve) => setTimeout(resolve, 500));
      return ticks() === before;
    };
    await expect.poll(sleeps, { timeout: PATIENCE }).toBe(true);
  });
});

describe('orphans', () => {
  needing(PID_NAMESPACE, ENTERING)('of a process that came in from outside are reaped, too', async () => {
    const self = rehup(['sh', '-c', 'echo ready; exec sleep 60']);
    await self.said('ready');
    await self.logged('child.started');
    const own = childrenOf(self.pid());
    const inside = ['sh', '-c', '(sleep 300 & sleep 301 &) ; exit 3'];
    const entered = ['--target', String(self.pid()), '--pid', ...inside];
    expect(spawnSync('nsenter', entered, { stdio: 'ignore' }).status).toBe(3);
    const orphans = childrenOf(self.pid()).filter((pid) => !own.includes(pid));
    expect(orphans).toHaveLength(2);
    for (const pid of orphans) process.kill(pid, 'SIGKILL');
    await onlyTheChild(self);
    self.signal('SIGTERM');
    expect(await self.ended).toBe(143);
  });

  needing(PID_NAMESPACE, ENTERING)('whose process id the next child has do not stand in for it', async () => {
    // The next process gets the number after this one: pid_namespaces(7).
    const again = 'echo "start $$"; echo $(($$ - 1)) > /proc/sys/kernel/ns_last_pid; exit 4';
    const self = rehup(['--on-exit', 'restart', '--max-restarts', '1', '/bin/sh', '-c', again]);
    expect(await self.ended).toBe(4);
    expect(self.output).toHaveLength(2);
    expect(self.output[1]).toBe(self.output[0]);
  });

  test('of others, in a process namespace that is shared, are left alone', async () => {
    // Beside rehup, and not below it: a parent that does not wait for its child.
    const zombie = 'grep -q "^State:.Z" /proc/[0-9]*/status 2>/dev/null';
    const beside = `sh -c "true & exec sleep 600" & until ${zombie}; do sleep 0.02; done; exec "$@"`;
    const prefix = [
      ...(PID_NAMESPACE.prefix ?? []),
      'sh',
      '-c',
      `sh -c '${beside}' sh "$@" & wait $!; exit $?`,
      'sh',
    ];
    const script = 'grep -l "^State:.Z" /proc/[0-9]*/status | wc -l; exit 4';
    const self = rehup(['sh', '-c', script], { prefix });
    expect(await self.ended).toBe(4);
    expect(self.output).toEqual(['1']);
    expect(self.log().map((line) => line.event)).toContain('rehup.subreaper');
  });
});
