import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { asks } from '../support/asks.ts';
import { NOBODY, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { type Rehup, rehup, witness } from '../support/rehup.ts';
import { stopped } from '../support/telling.ts';
import { AT_ONCE, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 1, `--socket`, and 6, *Control socket*: where it lies by itself, and who finds it, in containers of their own mounts. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

/** Makes the directories of a socket what they are in a container: `BASE=DIRECTORY`, or `BASE=` for one that nobody may write in. */
const MOUNTED = `
for mount in $MOUNTS; do
  base=\${mount%%=*} from=\${mount#*=}
  if [ -n "$from" ]; then mount --bind "$from" "$base"; else mount -t tmpfs -o ro none "$base"; fi
done
unset MOUNTS
exec "$@"`;

/** Rehup in a mount namespace, with an application that needs none of these directories. */
async function contained(mounts: readonly string[], options: readonly string[] = []): Promise<Rehup> {
  const prefix = [...(PID_NAMESPACE.prefix ?? []), '--mount', 'sh', '-c', MOUNTED, 'sh'];
  const environment = { MOUNTS: mounts.join(' ') };
  const run = rehup([...AT_ONCE, '--on-change', 'HUP', ...options, ...witness('/dev/null')], {
    prefix,
    environment,
  });
  await run.said('start');
  await run.logged('child.started');
  return run;
}

/** As `kubectl exec` runs a command: in the namespaces of a container. */
function inside(run: Rehup): readonly string[] {
  const user = PID_NAMESPACE.prefix?.includes('--user') === true ? ['--user', '--preserve-credentials'] : [];
  return ['nsenter', '--target', `${run.pid()}`, ...user, '--mount', '--pid'];
}

function made(name: string): string {
  const path = join(directory.path, name);
  mkdirSync(path);
  return path;
}

/** What a directory holds, with modes, as it is seen from outside. */
function listed(path: string): string {
  return spawnSync('find', [path, '-mindepth', '1', '-printf', '%P %m\n'], { encoding: 'utf8' }).stdout;
}

const PLACED = /^rehup-\d+-\d+ 700\nrehup-\d+-\d+\/control\.sock 600\n$/;

describe('the control socket by itself', () => {
  test('lies in /run, is found in its container, and goes with rehup', async () => {
    const base = made('run');
    const run = await contained([`/run=${base}`]);
    expect(listed(base)).toMatch(PLACED);
    expect(await asks(['status'], inside(run))).toMatchObject({ code: 0, stderr: '' });
    expect(await asks(['reload'], inside(run))).toMatchObject({ code: 0, stdout: 'reload 1 applied\n' });
    await stopped(run);
    expect(listed(base)).toBe('');
  });

  test('is passed over where a link is in the way, or where nobody may write', async () => {
    const [base, elsewhere] = [made('tmp'), made('elsewhere')];
    // The number of the namespace is known only inside.
    const blocked = `ln -s ${elsewhere} /run/rehup-$(id -u)-$(readlink /proc/self/ns/mnt | tr -dc 0-9)`;
    const prefix = [...(PID_NAMESPACE.prefix ?? []), '--mount', 'sh', '-c', `${blocked} && ${MOUNTED}`, 'sh'];
    const run = rehup([...AT_ONCE, ...witness('/dev/null')], {
      prefix: [...prefix.slice(0, -2), `mount -t tmpfs none /run && ${prefix.at(-2)}`, 'sh'],
      environment: { MOUNTS: `/tmp=${base}` },
    });
    await run.said('start');
    expect(listed(base)).toMatch(PLACED);
    expect(listed(elsewhere)).toBe('');
    expect(await asks(['status'], inside(run))).toMatchObject({ code: 0, stderr: '' });
    await stopped(run);
    const readOnly = await contained(['/run=', `/tmp=${base}`]);
    expect(listed(base)).toMatch(PLACED);
    await stopped(readOnly);
  });

  test('is left out where there is no place for it, which is logged once, and rehup works', async () => {
    const volume = writtenVolume(join(made('etc'), 'volume'), { a: '0' });
    const etc = `/mnt=${join(directory.path, 'etc')}`;
    const run = await contained([etc, '/run=', '/tmp=', '/dev/shm='], ['-w', '/mnt/volume']);
    const left = run.log().filter(({ event }) => event === 'socket.left_out');
    expect(left).toMatchObject([{ level: 'info', reason: 'there is no place for one' }]);
    volume.write({ a: '1' });
    await run.logged('reload.applied');
    const { code, stderr } = await asks(['status'], inside(run));
    expect(code).toBe(2);
    expect(stderr).toBe(
      'rehup: no rehup of this container has a socket in /run, /tmp, /dev/shm; name it with --socket\n',
    );
    await stopped(run);
  });

  test('of two containers of a pod that share a directory is each container’s own', async () => {
    const shared = made('shared');
    const [one, two] = [
      await contained(['/run=', `/tmp=${shared}`]),
      await contained(['/run=', `/tmp=${shared}`]),
    ];
    expect(listed(shared).match(/control\.sock 600/g)).toHaveLength(2);
    await asks(['reload'], inside(one));
    const told = async (run: Rehup) =>
      JSON.parse((await asks(['status', '--json'], inside(run))).stdout).reloads;
    expect([(await told(one)).length, (await told(two)).length]).toEqual([1, 0]);
    for (const run of [one, two]) await stopped(run);
    expect(listed(shared)).toBe('');
  });

  needing(PID_NAMESPACE, NOBODY)('that somebody else has made is not believed by a client', async () => {
    chmodSync(directory.path, 0o777);
    const socket = join(directory.path, 'socket');
    const run = rehup([...AT_ONCE, '--socket', socket, 'sleep', '1000'], { prefix: NOBODY.prefix ?? [] });
    await run.logged('child.started');
    chmodSync(socket, 0o666);
    const other = ['setpriv', '--reuid=1234', '--regid=1234', '--clear-groups'];
    expect(await asks(['status', '--socket', socket], other)).toEqual({
      code: 2,
      stdout: '',
      stderr: `rehup: nobody answers: ${socket}: user 65534 listens there\n`,
    });
    expect(await asks(['status', '--socket', socket])).toMatchObject({ code: 0 });
    run.signal('SIGTERM');
    expect(await run.ended).toBe(143);
  });
});
