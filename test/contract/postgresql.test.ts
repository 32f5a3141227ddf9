import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { NOBODY, PID_NAMESPACE, POSTGRES } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { PATIENCE, rehup } from '../support/rehup.ts';
import { eachWithDirectory, ends, writtenVolume } from '../support/volume.ts';

/** A restart beside leftovers (specification 3): PostgreSQL's backends have sessions of their own, and outlive a killed postmaster. */

const directory = eachWithDirectory();

/** The directory of PostgreSQL's programs in Debian. */
function programs(): string {
  const [version = ''] = readdirSync('/usr/lib/postgresql');
  return `/usr/lib/postgresql/${version}/bin`;
}

needing(
  PID_NAMESPACE,
  NOBODY,
  POSTGRES,
)('PostgreSQL with a busy session is restarted within its stop timeout, and serves again', async () => {
  const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const here = (name: string) => join(directory.path, name);
  const run = (words: readonly string[]) => {
    const [program = '', ...rest] = [...user, ...words];
    const { status, stdout, stderr } = spawnSync(program, rest, { encoding: 'utf8', cwd: '/tmp' });
    return { status, text: `${stdout}${stderr}` };
  };
  spawnSync('chmod', ['755', directory.path]);
  mkdirSync(here('data'));
  spawnSync('chown', ['65534:65534', here('data')]);
  const made = run([`${programs()}/initdb`, '-U', 'app', '-A', 'trust', '--no-sync', '-D', here('data')]);
  expect(made.status, made.text).toBe(0);

  const port = `${await freePort()}`;
  const address = ['-h', '127.0.0.1', '-p', port, '-U', 'app', '-d', 'postgres'];
  const volume = writtenVolume(here('volume'), { a: '0' });
  const options = ['-w', volume.path, '--min-interval', '0', '--verify', '500ms', '--stop-timeout', '4s'];
  const settings = ['-c', 'unix_socket_directories=', '-c', 'fsync=off', '-p', port];
  const server = rehup([...options, ...user, `${programs()}/postgres`, '-D', here('data'), ...settings]);
  const asked = () => run(['psql', ...address, '-Atc', 'select 1']).text.trim();
  await expect.poll(asked, { timeout: PATIENCE }).toBe('1');
  // A session that PostgreSQL's smart shutdown, which TERM is, waits for.
  const session = ['psql', ...address, '-c', 'select pg_sleep(600)'];
  const busy = spawnSync('sh', ['-c', `"$@" >/dev/null 2>&1 & echo $!`, 'sh', ...user, ...session]);
  await expect
    .poll(
      () =>
        run([
          'psql',
          ...address,
          '-Atc',
          "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()",
        ]).text.trim(),
      { timeout: PATIENCE },
    )
    .toBe('1');

  volume.write({ a: '1' });
  await server.logged('reload.applied');
  await expect.poll(asked, { timeout: PATIENCE }).toBe('1');
  const events = server.log().map((line) => line.event);
  // The backends notice the end of the postmaster: they may be gone before a look finds them left over.
  expect(events.filter((event) => /^child\.(started|killed)$/.test(event))).toEqual([
    'child.started',
    'child.killed',
    'child.started',
  ]);
  expect(events).not.toContain('reload.failed');
  await ends(server);
  // The session ended with its backend.
  await expect.poll(() => isThere(Number(String(busy.stdout).trim())), { timeout: PATIENCE }).toBe(false);
});

function isThere(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
