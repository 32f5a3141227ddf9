import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { freePort } from '../support/free-port.ts';
import {
  type Capability,
  DOCKER_CAPABILITIES,
  KEEPALIVED,
  NAMED,
  NO_CAPABILITIES,
  NOBODY,
  PID_NAMESPACE,
  PYTHON,
  SLAPD,
  TINI,
} from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { PATIENCE, type Rehup, rehup } from '../support/rehup.ts';
import { VICTIMS_IN_C, waiter } from '../support/victims.ts';
import { eachWithDirectory, ends, writtenVolume } from '../support/volume.ts';

/** Specification 3, the guard: servers that take their reload signal without a handler, and such as take it for another thing. */

const directory = eachWithDirectory();
const VERIFY = ['--min-interval', '0', '--poll', '0', '--verify', '500ms'];

const newVolume = () => writtenVolume(join(directory.path, 'volume'), { a: '0' });

function follow(
  volume: { readonly path: string },
  words: readonly string[],
  prefix?: readonly string[],
): Rehup {
  const options = ['-w', volume.path, '--on-change', 'HUP', ...VERIFY];
  const environment = { PATH: `${process.env['PATH']}:/usr/sbin` };
  return rehup([...options, ...words], prefix === undefined ? { environment } : { environment, prefix });
}

/** What the guard said, and how often a child was started. */
function story(run: Rehup): readonly string[] {
  return run
    .log()
    .map((line) => line.event)
    .filter((event) => /^(child\.started|reload\.(applied|failed|unchecked|restart_instead))$/.test(event));
}

const SIGNALLED = ['child.started', 'reload.applied'];
const RESTARTED = ['child.started', 'reload.restart_instead', 'child.started', 'reload.applied'];

describe('a program that waits for its signals', () => {
  const test = needing(PID_NAMESPACE, VICTIMS_IN_C);

  test.each(['sigwait', 'ended'] as const)('by sigwait(3) is signalled (%s)', async (how) => {
    const volume = newVolume();
    const run = follow(volume, waiter(how));
    await run.said('start');
    volume.write({ a: '1' });
    await run.said('took 1');
    await run.logged('reload.applied');
    expect(story(run)).toEqual(SIGNALLED);
    await ends(run);
    expect(run.output).toContain('took 15');
  });

  test('by signalfd(2) is signalled, which is told once and is no warning', async () => {
    const volume = newVolume();
    const run = follow(volume, waiter('signalfd'));
    await run.said('start');
    volume.write({ a: '1' });
    await run.said('took 1');
    await run.logged('reload.applied');
    volume.write({ a: '2' });
    await run.said('took 1', 2);
    await run.logged('reload.applied', 2);
    expect(story(run)).toEqual(['child.started', 'reload.unchecked', 'reload.applied', 'reload.applied']);
    expect(run.errors()).toMatch(/"reload\.unchecked"[^\n]*"program":"waiter"/);
    expect(run.errors()).not.toMatch(/"level":(40|"warn")/);
    await ends(run);
  });

  test('for other ones only, in the timer thread of glibc, is restarted: a HUP would end it', async () => {
    const volume = newVolume();
    const run = follow(volume, waiter('timer'));
    await run.said('start');
    volume.write({ a: '1' });
    await run.logged('reload.applied');
    expect(story(run)).toEqual(RESTARTED);
    await ends(run);
    expect(run.output.filter((line) => line.startsWith('took'))).toEqual([]);
  });

  needing(PID_NAMESPACE, PYTHON)('in Python is signalled', async () => {
    const volume = newVolume();
    const script = `import signal
signals = [signal.SIGHUP, signal.SIGTERM]
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
print("start", flush=True)
while True: print("took", int(signal.sigwait(signals)), flush=True)`;
    const run = follow(volume, ['python3', '-c', script]);
    await run.said('start');
    volume.write({ a: '1' });
    await run.said('took 1');
    await run.logged('reload.applied');
    expect(story(run)).toEqual(SIGNALLED);
  });

  needing(PID_NAMESPACE, TINI)('as tini does in front of an application is signalled', async () => {
    const volume = newVolume();
    const application = 'trap "echo HUP" HUP; echo start; while :; do sleep 0.02; done';
    const run = follow(volume, ['tini', '-s', '--', 'sh', '-c', application]);
    await run.said('start');
    volume.write({ a: '1' });
    await run.said('HUP');
    await run.logged('reload.applied');
    expect(story(run)).toEqual(SIGNALLED);
  });
});

describe('SIGHUP!', () => {
  needing(PID_NAMESPACE)(
    'is sent to one that is seen not to take it, as it would be by kill(1)',
    async () => {
      const volume = newVolume();
      const options = ['-w', volume.path, '--on-change', 'SIGHUP!', ...VERIFY];
      const run = rehup([...options, 'sh', '-c', 'echo start; exec sleep 1000']);
      await run.said('start');
      await run.logged('child.started');
      volume.write({ a: '1' });
      expect(await run.logged('child.exited')).toMatchObject({ signal: 'SIGHUP', asked: false });
      await run.said('start', 2);
      await run.logged('reload.applied');
      await ends(run);
    },
  );
});

describe('named', () => {
  const AS: Readonly<Record<string, readonly [Capability, readonly string[], readonly string[]]>> = {
    'with the capabilities that Docker gives': [DOCKER_CAPABILITIES, [], SIGNALLED],
    'without any capability': [NO_CAPABILITIES, [], SIGNALLED],
    'as another user all along': [NOBODY, [], SIGNALLED],
    'as a child of another user, which can not be seen': [DOCKER_CAPABILITIES, ['-u', 'bind'], RESTARTED],
  };

  for (const [as, [capability, more, expected]] of Object.entries(AS)) {
    needing(NAMED, capability)(`is signalled, or restarted and never ended: ${as}`, async () => {
      const volume = newVolume();
      chmodSync(directory.path, 0o777);
      const here = (name: string) => join(directory.path, name);
      writeFileSync(
        here('named.conf'),
        `options { directory "${directory.path}"; pid-file none; lock-file none; listen-on port ${await freePort()} { 127.0.0.1; };
listen-on-v6 { none; }; session-keyfile "${here('session.key')}"; recursion no; dnssec-validation no; };
controls { };\n`,
      );
      chmodSync(here('named.conf'), 0o644);
      const words = ['named', '-g', '-c', here('named.conf'), ...more];
      const run = follow(volume, words, capability.prefix);
      await expect.poll(() => run.errors(), { timeout: PATIENCE }).toMatch(/ running\n/);
      volume.write({ a: '1' });
      await run.logged('reload.applied');
      expect(story(run)).toEqual(expected);
      if (expected === RESTARTED) expect(run.errors()).toMatch(/whether named takes SIGHUP[^\n]*SIGHUP!/);
      else
        await expect
          .poll(() => run.errors(), { timeout: PATIENCE })
          .toMatch(/reloading configuration succeeded/);
      await ends(run);
    });
  }
});

describe('a server that takes HUP for the wish to shut down', () => {
  needing(PID_NAMESPACE, SLAPD)(
    'slapd: is started again in the same reload, and restarted from then on',
    async () => {
      const volume = newVolume();
      const here = (name: string) => join(directory.path, name);
      const conf = `moduleload back_ldif\nmodulepath /usr/lib/ldap\n`;
      writeFileSync(
        here('slapd.conf'),
        `include /etc/ldap/schema/core.schema\n${conf}pidfile ${here('pid')}\ndatabase ldif\ndirectory ${directory.path}\nsuffix dc=x\n`,
      );
      let changes = 0;
      /** A slapd that was sent the HUP of a change, or how it ended of it. */
      async function reloaded(): Promise<Rehup | { readonly code: number }> {
        const address = `ldap://127.0.0.1:${await freePort()}/`;
        const life = follow(volume, ['slapd', '-f', here('slapd.conf'), '-h', address, '-d', 'none']);
        await expect.poll(() => life.errors(), { timeout: PATIENCE }).toMatch(/slapd starting/);
        changes += 1;
        volume.write({ a: `change ${changes}` });
        const first = await Promise.race([life.logged('reload.applied'), life.ended]);
        return typeof first === 'object' && story(life).length > 2 ? life : { code: await life.ended };
      }
      let run = await reloaded();
      // Where the machine is so busy that it takes slapd more than a second to end, its end is that of the container.
      for (let more = 4; more > 0 && 'code' in run; more--) run = await reloaded();
      if ('code' in run) throw new Error(`slapd takes more than a second to end: ${run.code}`);
      expect(story(run)).toEqual(RESTARTED);
      expect(run.errors()).toMatch(/slapd took SIGHUP and exited with 0/);
      volume.write({ a: '2' });
      await run.logged('reload.applied', 2);
      expect(run.log().filter((line) => line.event === 'reload.restart_instead')).toHaveLength(1);
      await ends(run);
    },
  );
});

describe('keepalived', () => {
  needing(PID_NAMESPACE, KEEPALIVED)('blocks its signals and looks for them: it is signalled', async () => {
    const volume = newVolume();
    const here = (name: string) => join(directory.path, name);
    writeFileSync(here('keepalived.conf'), 'global_defs {\n  router_id x\n}\n');
    const files = ['--pid', here('k.pid'), '--vrrp_pid', here('v.pid'), '--checkers_pid', here('c.pid')];
    const words = ['keepalived', '-n', '-l', '-f', here('keepalived.conf'), ...files];
    const run = follow(volume, words);
    await run.logged('child.started');
    await expect
      .poll(() => run.errors() + run.output.join('\n'), { timeout: PATIENCE })
      .toMatch(/Startup complete|no configuration to run/);
    volume.write({ a: '1' });
    await run.logged('reload.applied');
    expect(story(run).filter((event) => event !== 'reload.unchecked')).toEqual(SIGNALLED);
    await ends(run);
  });
});
