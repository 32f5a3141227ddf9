import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { FileAnswer, FileRequest, FileSteps, Files } from '../../../../src/core/files/files.ts';
import { type Reading, readWatches } from '../../../../src/core/files/reading.ts';
import { createAsking } from '../../../../src/core/files/remote/helpers.ts';
import { findPrograms } from '../../../../src/core/files/remote/programs.ts';
import { createRoutes, type Session } from '../../../../src/core/files/remote/routes.ts';
import { parentPath } from '../../../../src/core/text/path.ts';
import { createFiles } from '../../../../src/node/files.ts';
import { drive } from '../../../support/driver.ts';
import { eachWithDirectory } from '../../../support/volume.ts';

/** What may hang is done by a helper, with the same result; all else by the host. */

const directory = eachWithDirectory();
const at = (...names: readonly string[]) => join(directory.path, ...names);

/** Routes in a world where `remote` below the test's directory is a mount that may hang. */
function world() {
  const host = createFiles();
  const own: FileRequest[] = [];
  const helped: FileRequest[] = [];
  const waiting: (() => void)[] = [];
  let mounts: string | undefined = [
    '1 0 0:1 / / rw - ext4 a rw',
    `2 1 0:2 / ${at('remote')} rw - nfs4 b rw`,
  ].join('\n');
  let silent = false;
  const files: Files = {
    perform(request) {
      if (request.op === 'mounts') {
        const value = mounts;
        mounts = undefined;
        return { op: 'mounts', value };
      }
      own.push(request);
      return host.perform(request);
    },
  };
  const helper = createFiles();
  const asking = createAsking({
    helpers: {
      start: (reports) => ({
        send(bytes) {
          if (silent) return true;
          const request = JSON.parse(bytes) as FileRequest;
          helped.push(request);
          const answer = `${JSON.stringify(helper.perform(request))}\n`;
          waiting.push(() => reports.received(answer));
          return true;
        },
        end: () => {},
      }),
    },
    now: () => 0,
    wake: () => {},
    soon: () => {},
    answering: () => {},
  });
  const routes = createRoutes(files, asking);

  /** Leads an algorithm to its end, with all answers that come later. */
  function lead<Value>(steps: FileSteps<Value>, session: Session): Value {
    let next = steps.next();
    while (next.done !== true) {
      if (next.value.op === 'pause') {
        next = steps.next(next.value);
        continue;
      }
      let later: FileAnswer | undefined;
      let answer = session.perform(next.value, (given) => {
        later = given;
      });
      while (answer === undefined) {
        const task = waiting.shift();
        if (task === undefined) throw new Error(`no answer to ${next.value.op}`);
        task();
        answer = later;
      }
      next = steps.next(answer);
    }
    return next.value;
  }

  return {
    own,
    helped,
    routes,
    lead,
    silences() {
      silent = true;
    },
    /** Mounts what may hang on one more path. */
    mounts(point: string) {
      mounts = `1 0 0:1 / / rw - ext4 a rw\n3 1 0:3 / ${point} rw - fuse.x b rw`;
    },
    unmounts() {
      mounts = '1 0 0:1 / / rw - ext4 a rw';
    },
  };
}

function fill(): void {
  mkdirSync(at('remote', 'below'), { recursive: true });
  writeFileSync(at('remote', 'below', 'big'), Buffer.alloc(150_000, 'é\n\0', 'latin1'));
  writeFileSync(at('remote', 'small'), 'small');
  mkdirSync(at('local'));
  writeFileSync(at('local', 'file'), 'file');
  symlinkSync(at('remote', 'below'), at('local', 'link'));
}

const look = (...paths: readonly string[]) =>
  readWatches(
    paths.map((path) => ({ path })),
    () => false,
  );

function digests(readings: readonly Reading[]): readonly unknown[] {
  return readings.map((reading) => (reading.status === 'read' ? reading.content.digest : reading));
}

test('a watch is read with the same result, wherever its parts lie', () => {
  fill();
  for (const path of [at('local'), at('remote'), at('remote', 'small'), at('local', 'link')]) {
    const run = world();
    const session = run.routes.begin(10_000);
    const found = run.lead(look(path), session);
    expect(digests(found)).toEqual(digests(drive(look(path))));
    expect(session.servers).toEqual([`nfs4 at ${at('remote')}`]);
    expect(run.helped.length).toBeGreaterThan(0);
    const touched = run.own.flatMap((request) => ('path' in request ? [request.path] : []));
    for (const own of touched) expect(own).not.toMatch(/remote|link\//);
  }
});

test('what needs a helper is refused where nobody may wait, and all else is done by the host', () => {
  fill();
  const run = world();
  const [elsewhere, linked, here] = run.lead(
    look(at('remote'), at('local'), at('local', 'file')),
    run.routes.begin(undefined),
  );
  expect(elsewhere).toMatchObject({ status: 'unreadable', errno: 'EREMOTE' });
  expect(linked).toMatchObject({ status: 'unreadable', errno: 'EREMOTE' });
  expect(here?.status).toBe('read');
  expect(run.helped).toEqual([]);
});

test('without such a mount each request goes to the host, and none besides', () => {
  fill();
  const run = world();
  run.unmounts();
  const session = run.routes.begin(undefined);
  const asked: FileRequest[] = [];
  drive(look(at('local')), (request) => {
    asked.push(request);
    return undefined;
  });
  run.lead(look(at('local')), session);
  expect(run.own.map(({ op }) => op)).toEqual(asked.map(({ op }) => op));
});

test('one that is unmounted is one no longer', () => {
  fill();
  const run = world();
  run.lead(look(at('remote')), run.routes.begin(10_000));
  run.unmounts();
  expect(run.lead(look(at('remote')), run.routes.begin(undefined))[0]?.status).toBe('read');
});

test('a copy goes from and to either side, with its digest', () => {
  fill();
  const sides = [
    [at('remote', 'below', 'big'), at('local', 'copy')],
    [at('local', 'file'), at('remote', 'copy')],
    [at('remote', 'below', 'big'), at('remote', 'second')],
  ] as const;
  for (const [from, to] of sides) {
    const run = world();
    function* copying(): FileSteps<FileAnswer> {
      const opened = yield { op: 'open', path: from };
      const directory = yield { op: 'enter', path: parentPath(to) };
      if (directory.op !== 'enter') throw new Error('not entered');
      const name = to.slice(parentPath(to).length + 1);
      const created = yield { op: 'create', in: directory.value, path: name, mode: 0o644 };
      const digest = yield { op: 'digest', keyed: false };
      if (opened.op !== 'open' || created.op !== 'create' || digest.op !== 'digest')
        throw new Error('not open');
      for (;;) {
        const copied = yield { op: 'copy', digest: digest.value, from: opened.value, to: created.value };
        if (copied.op === 'error') return copied;
        if (copied.op === 'copy' && copied.value === 0) break;
      }
      yield { op: 'sync', file: created.value };
      yield { op: 'close', file: opened.value };
      yield { op: 'close', file: created.value };
      yield { op: 'close', file: directory.value };
      return yield { op: 'digest-end', digest: digest.value };
    }
    const { op, ...ended } = run.lead(copying(), run.routes.begin(10_000));
    expect(op).toBe('digest-end');
    expect(readFileSync(to).equals(readFileSync(from))).toBe(true);
    const [read] = drive(look(from));
    if (read?.status !== 'read') throw new Error('not read');
    expect(read.content.files.get('')?.digest).toBe('value' in ended ? ended.value : undefined);
    // A socket takes it at once.
    for (const request of run.helped) expect(JSON.stringify(request).length).toBeLessThan(128 * 1024);
  }
});

function* ask(request: FileRequest): FileSteps<FileAnswer> {
  return yield request;
}

test('what is done below a directory that lies elsewhere is done where that is open, and nowhere once it is gone', () => {
  fill();
  const run = world();
  const entered = run.lead(ask({ op: 'enter', path: at('remote') }), run.routes.begin(10_000));
  if (entered.op !== 'enter') throw new Error('not entered');
  const { value: directory } = entered;
  const status: FileRequest = { op: 'status', in: directory, path: '' };
  const requests: readonly FileRequest[] = [
    { op: 'lock', file: directory },
    status,
    { op: 'mkdir', in: directory, path: 'made', mode: 0o700 },
    { op: 'enter', in: directory, path: 'made' },
    { op: 'open', in: directory, path: 'made' },
    { op: 'grant', in: directory, path: 'made', mode: 0o755 },
    { op: 'rmdir', in: directory, path: 'made' },
    { op: 'symlink', in: directory, path: 'link', target: 'elsewhere' },
    { op: 'rename', in: directory, from: 'link', to: 'other' },
    { op: 'readlink', in: directory, path: 'other' },
    { op: 'unlink', in: directory, path: 'other' },
    { op: 'entries', directory, anew: true },
    { op: 'chmod', file: directory, mode: 0o755 },
    { op: 'chown', file: directory, owner: -1, group: -1 },
  ];
  run.own.splice(0);
  for (const request of requests)
    expect(run.lead(ask(request), run.routes.begin(10_000)).op).toBe(request.op);
  run.unmounts();
  expect(run.lead(ask(status), run.routes.begin(10_000))).toEqual({ op: 'error', errno: 'EIO' });
  expect(run.own).toEqual([]);
});

test('what is mounted on a name in a directory that is open here is touched by nobody', () => {
  fill();
  const run = world();
  const entered = run.lead(ask({ op: 'enter', path: at('local') }), run.routes.begin(undefined));
  if (entered.op !== 'enter') throw new Error('not entered');
  const below = { in: entered.value, path: 'mounted' };
  run.mounts(at('elsewhere', 'mounted'));
  mkdirSync(at('local', 'mounted'));
  // Where the directory is by now, not where it was opened.
  renameSync(at('local'), at('elsewhere'));
  const errnoOf = (request: FileRequest) => {
    const answer = run.lead(ask(request), run.routes.begin(10_000));
    return answer.op === 'error' ? answer.errno : answer.op;
  };
  run.own.splice(0);
  expect([
    errnoOf({ op: 'status', ...below }),
    errnoOf({ op: 'enter', ...below }),
    errnoOf({ op: 'open', ...below }),
    errnoOf({ op: 'grant', ...below, mode: 0o755 }),
    errnoOf({ op: 'create', ...below, mode: 0o644 }),
    errnoOf({ op: 'readlink', ...below }),
  ]).toEqual(['EBUSY', 'EBUSY', 'EBUSY', 'EBUSY', 'EEXIST', 'EINVAL']);
  expect(run.own.filter((request) => 'in' in request && request.in !== undefined)).toEqual([]);
  expect(run.helped).toEqual([]);
  expect(errnoOf({ op: 'status', in: entered.value, path: 'file' })).toBe('status');
  expect(errnoOf({ op: 'status', in: entered.value, path: '' })).toBe('status');
  run.unmounts();
  expect(errnoOf({ op: 'status', ...below })).toBe('status');
});

test('a program that does not answer is passed over, and one that is there ends the search', () => {
  fill();
  writeFileSync(at('local', 'program'), '', { mode: 0o755 });
  const candidates = [
    at('remote', 'program'),
    at('local', 'file'),
    at('local', 'program'),
    at('local', 'other'),
  ];
  const run = world();
  const found = run.lead(findPrograms(candidates, at('local')), run.routes.begin(5_000));
  expect(found).toEqual({ files: candidates.slice(0, 3) });
  const silent = drive(findPrograms(candidates.slice(0, 1), '/'), (request) =>
    'path' in request && request.path.includes('remote') ? { op: 'error', errno: 'ETIMEDOUT' } : undefined,
  );
  expect(silent).toEqual({ errno: 'ETIMEDOUT' });
});
