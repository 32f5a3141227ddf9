import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { NOBODY, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { REHUP_BIN } from '../support/rehup.ts';

/** Specification 10: the built executable copies itself, from an init container too. */

const root = mkdtempSync(join(tmpdir(), 'rehup-install-'));
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(root, 'd-'));
  for (const path of [root, directory]) chmodSync(path, 0o755);
});

afterAll(() => rmSync(root, { recursive: true }));

const at = (name: string) => join(directory, name);

function run(words: readonly string[], prefix: readonly string[] = [], cwd = directory) {
  const [program = '', ...rest] = [...prefix, REHUP_BIN, ...words];
  const { status, stdout, stderr } = spawnSync(program, rest, { encoding: 'utf8', cwd });
  return { status, stdout, stderr };
}

const refused = (line: string | RegExp) => ({
  status: 125,
  stdout: '',
  stderr: typeof line === 'string' ? `rehup: ${line}\n` : expect.stringMatching(line),
});

const isCopy = (file: string) => readFileSync(file).equals(readFileSync(REHUP_BIN));

/** What the program says of itself, in front of what it did. */
const version = spawnSync(REHUP_BIN, ['--version'], { encoding: 'utf8' }).stdout.trim();

describe('rehup install', () => {
  test('makes a copy that runs, and says which one and where', () => {
    expect(run(['install', 'new'])).toEqual({
      status: 0,
      stdout: `${version} is ${at('new')}\n`,
      stderr: '',
    });
    expect(isCopy(at('new'))).toBe(true);
    expect(statSync(at('new')).mode & 0o7777).toBe(0o755);
    expect(spawnSync(at('new'), ['sh', '-c', 'exit 7']).status).toBe(7);
    expect(readdirSync(directory)).toEqual(['new']);
  });

  test('is called rehup in a directory, and may install itself anew while it runs', () => {
    mkdirSync(at('bin'));
    expect(run(['install', at('bin')]).stdout).toBe(`${version} is ${at('bin/rehup')}\n`);
    const { status, stdout } = spawnSync(at('bin/rehup'), ['install', at('bin')], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, `${version} is ${at('bin/rehup')}\n`]);
    expect(isCopy(at('bin/rehup'))).toBe(true);
  });

  test('replaces a link that is in the way, and leaves alone what it leads to, which may be of another machine', () => {
    writeFileSync(at('other'), '\x7fELF of another machine', { mode: 0o600 });
    symlinkSync('other', at('link'));
    expect(run(['install', at('link')]).status).toBe(0);
    expect(isCopy(at('link'))).toBe(true);
    expect(readFileSync(at('other'), 'utf8')).toBe('\x7fELF of another machine');
    expect(readdirSync(directory).sort()).toEqual(['link', 'other']);
  });

  test('says in one line what is in the way, and leaves nothing', () => {
    mkdirSync(at('bin/rehup'), { recursive: true });
    expect(run(['install', at('bin')])).toEqual(
      refused(`install ${at('bin/rehup')}: there is a directory; give a path where nothing is, or a file`),
    );
    expect(run(['install', at('none/x')])).toEqual(
      refused(
        `install ${at('none')}: ENOENT; the directory is not there; mount an emptyDir there, or make it`,
      ),
    );
    writeFileSync(at('file'), '');
    expect(run(['install', `${at('file')}/`])).toEqual(refused(/^rehup: install \S+\/file: ENOTDIR; .*\n$/));
    expect(run(['install', '/dev/null'])).toEqual(refused(/there is neither a file nor a directory/));
    expect(run(['install'])).toEqual(
      refused('install: its PATH is missing; use for example: rehup install /rehup/rehup'),
    );
    expect(run(['install', at('one'), at('two')])).toEqual(refused(/more than one PATH; give one\n$/));
    expect(readdirSync(directory).sort()).toEqual(['bin', 'file']);
  });

  test('does not get far where a file may not be as large', () => {
    writeFileSync(at('old'), 'old');
    const limit = ['sh', '-c', 'ulimit -f 10; exec "$@"', 'sh'];
    expect(run(['install', at('old')], limit)).toEqual(
      refused(
        `install ${at('old')}: EFBIG; a limit on the size of files is in the way; raise it (ulimit -f)`,
      ),
    );
    expect(readFileSync(at('old'), 'utf8')).toBe('old');
    expect(readdirSync(directory)).toEqual(['old']);
  });
});

/** A script in mounts of its own, with the volume as `$1`; what is behind it is run there. */
const mounted = (script: string) => {
  const words = ['sh', '-c', `${script} && shift && exec "$@"`, 'sh', at('volume')];
  return [...(PID_NAMESPACE.prefix ?? []), ...words];
};

needing(PID_NAMESPACE)('a full and a read-only file system are told as what they are', () => {
  mkdirSync(at('volume'));
  const full = mounted('mount -t tmpfs -o size=64k tmpfs "$1"');
  expect(run(['install', at('volume')], full)).toEqual(
    refused(
      `install ${at('volume/rehup')}: ENOSPC; the file system is full; give the volume room for this executable`,
    ),
  );
  const readOnly = mounted('mount -t tmpfs -o ro tmpfs "$1"');
  expect(run(['install', at('volume/x')], readOnly)).toEqual(
    refused(`install ${at('volume/x')}: EROFS; the file system is read-only; mount an emptyDir there`),
  );
  expect(readdirSync(at('volume'))).toEqual([]);
});

needing(NOBODY)(
  'an init container of another user installs where it may write, as PID 1, and nowhere else',
  () => {
    mkdirSync(at('volume'));
    chmodSync(at('volume'), 0o777);
    mkdirSync(at('closed'));
    // The executable has to be found by that user; where it was built its way may be closed.
    const own = at('rehup');
    copyFileSync(REHUP_BIN, own);
    const asNobody = (path: string) => {
      const [program = '', ...words] = [...(NOBODY.prefix ?? []), own, 'install', path];
      const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', cwd: '/' });
      return { status, stdout, stderr };
    };
    expect(asNobody(at('volume/rehup'))).toMatchObject({ status: 0, stderr: '' });
    expect(statSync(at('volume/rehup'))).toMatchObject({ uid: 65_534, mode: 0o100755 });
    // And once more, as when the container is started anew; and the next user may run it.
    expect(asNobody(at('volume/rehup'))).toMatchObject({ status: 0, stderr: '' });
    expect(spawnSync(at('volume/rehup'), ['true']).status).toBe(0);
    expect(asNobody(at('closed/rehup'))).toEqual(
      refused(
        `install ${at('closed/rehup')}: EACCES; this user may not write there; mount an emptyDir there, or set fsGroup or runAsUser`,
      ),
    );
  },
);

needing(PID_NAMESPACE)('without /proc it says that it needs it', () => {
  const prefix = [...(PID_NAMESPACE.prefix ?? []), 'sh', '-c', 'mount -t tmpfs tmpfs /proc; exec "$@"', 'sh'];
  expect(run(['install', at('x')], prefix)).toEqual(
    // The sanitizers have words of their own for a missing /proc.
    refused(
      /^rehup: install \/proc\/self\/exe: ENOENT; rehup has to read itself: mount \/proc, and give the executable mode 0755$/m,
    ),
  );
  expect(readdirSync(directory)).toEqual([]);
});
