import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readWatches } from '../../../src/core/files/reading.ts';
import { MOST_CAPTURED } from '../../../src/core/files/tree.ts';
import { type Between, drive } from '../../support/driver.ts';
import { NOBODY, SMALL_TMPFS } from '../../support/machine.ts';
import { needing } from '../../support/needing.ts';
import {
  countingFiles,
  emptyDirectory,
  endLives,
  namesIn,
  open,
  prepare,
  run,
  treeAt,
} from '../../support/stages.ts';
import { eachWithDirectory, writtenVolume } from '../../support/volume.ts';

/** Specification 5, *stage*: what is copied of a source, and what of it is kept. */

const directory = eachWithDirectory();

function newStage() {
  const source = join(directory.path, 'source');
  mkdirSync(source);
  return { source, target: emptyDirectory(join(directory.path, 'target')) };
}

function prepared(stage: ReturnType<typeof newStage>, between?: Between, files?: Parameters<typeof run>[3]) {
  const copies = [{ stage, request: { path: stage.source } }];
  return run({ op: 'prepare', copies }, between, [], files);
}

test('files that do not count are not copied, and links are followed', async () => {
  const stage = newStage();
  const at = (name: string) => join(stage.source, name);
  for (const name of ['a', '.env', 'x.swp']) writeFileSync(at(name), name);
  mkdirSync(at('sub/empty'), { recursive: true });
  mkdirSync(at('lost+found'));
  writeFileSync(at('..own'), '');
  writeFileSync(join(directory.path, 'outside'), 'far');
  symlinkSync('../outside', at('link'));
  symlinkSync('nowhere', at('dangling'));
  symlinkSync('..', at('sub/loop'));
  execFileSync('mkfifo', [at('fifo')]);
  const server = createServer().listen(at('socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  prepare(stage, undefined, ['*.swp']);
  server.close();
  const root = join(stage.target, '..rehup_1');
  expect(treeAt(root)).toEqual({ '.env': '.env', a: 'a', link: 'far' });
  expect(lstatSync(join(root, 'link')).isFile()).toBe(true);
  expect(namesIn(root)).toEqual(['.env', 'a', 'link', 'sub']);
  expect(namesIn(join(root, 'sub'))).toEqual(['empty', 'loop']);
  // A second name of a directory is one in the copy, too.
  expect(readlinkSync(join(root, 'sub/loop'))).toBe('..');
});

test('several sources are copied in one look, in the order of the copies', () => {
  const stage = newStage();
  const other = { source: join(directory.path, 'other'), target: emptyDirectory(join(directory.path, 'to')) };
  writeFileSync(join(stage.source, 'a'), '1');
  writtenVolume(other.source, { b: '22' });
  const copies = [stage, other].map((one) => ({ stage: one, request: { path: one.source } }));
  const result = run({ op: 'prepare', copies });
  const sizes =
    result.op === 'prepared' && result.generations.map(({ content }) => [...content.files.values()][0]?.size);
  expect(sizes).toEqual([1, 2]);
  // One that fails takes the others with it.
  rmSync(other.source, { recursive: true });
  expect(run({ op: 'prepare', copies })).toMatchObject({ op: 'failed', lasting: false });
  expect([namesIn(stage.target), namesIn(other.target)]).toEqual([[], []]);
});

describe('modes', () => {
  const bits = (path: string) => (lstatSync(path).mode & 0o7777).toString(8);

  test('are kept, whatever the umask', () => {
    const stage = newStage();
    const files = { plain: 0o644, secret: 0o400, run: 0o755, shared: 0o664, setid: 0o4755 };
    mkdirSync(join(stage.source, 'sub'));
    for (const [name, mode] of Object.entries(files)) {
      writeFileSync(join(stage.source, 'sub', name), '');
      chmodSync(join(stage.source, 'sub', name), mode);
    }
    chmodSync(join(stage.source, 'sub'), 0o2575);
    chmodSync(stage.source, 0o711);
    const umask = process.umask(0o777);
    prepare(stage);
    process.umask(umask);
    const root = join(stage.target, '..rehup_1');
    expect(bits(root)).toBe('711');
    expect(bits(join(root, 'sub'))).toBe('2575');
    for (const [name, mode] of Object.entries(files)) {
      expect([name, bits(join(root, 'sub', name))]).toEqual([name, mode.toString(8)]);
    }
  });

  test('of a generation whose source is a volume are those of the kubelet', () => {
    const stage = { source: join(directory.path, 'v'), target: emptyDirectory(join(directory.path, 't')) };
    writtenVolume(stage.source, { a: '1' }, { mode: 0o440 });
    prepare(stage);
    expect(bits(join(stage.target, '..rehup_1'))).toBe('755');
    expect(bits(join(stage.target, '..rehup_1/a'))).toBe('440');
  });

  test('that would hide the copy from its owner are refused, naming the file', () => {
    const stage = newStage();
    writeFileSync(join(stage.source, 'key'), '1');
    chmodSync(join(stage.source, 'key'), 0o040);
    // Root may read anything: that another user may not is answered here.
    const result = prepared(stage, (request) =>
      request.op === 'open' && request.in !== undefined && request.path === 'key'
        ? { op: 'error', errno: 'EACCES' }
        : undefined,
    );
    expect(result).toEqual({
      op: 'failed',
      reason: `can't stage ${stage.source}/key: with the mode that it has this user could not read a copy (EACCES); give it a mode that lets its owner read`,
      lasting: true,
    });
    expect(namesIn(stage.target)).toEqual([]);
  });
});

describe('owners', () => {
  function owned(): ReturnType<typeof newStage> {
    const stage = newStage();
    writeFileSync(join(stage.source, 'a'), '1');
    return stage;
  }
  const ownerOf = ({ target }: { target: string }) => {
    const { uid, gid } = lstatSync(join(target, '..rehup_1/a'));
    return [uid, gid];
  };

  needing(NOBODY)('and groups are kept by root, set-id bits too', () => {
    const stage = owned();
    lchownSync(join(stage.source, 'a'), 1234, 2345);
    chmodSync(join(stage.source, 'a'), 0o6755);
    lchownSync(stage.source, 1234, 2345);
    expect(prepared(stage)).toMatchObject({ op: 'prepared', ownersKept: true });
    expect(ownerOf(stage)).toEqual([1234, 2345]);
    expect(lstatSync(join(stage.target, '..rehup_1/a')).mode & 0o7777).toBe(0o6755);
    expect(lstatSync(join(stage.target, '..rehup_1')).uid).toBe(1234);
  });

  needing(NOBODY)('that may not be set leave the group of the source, and that is told', () => {
    const stage = owned();
    lchownSync(join(stage.source, 'a'), 1234, 2345);
    const result = prepared(stage, (request) =>
      request.op === 'chown' && request.owner !== -1 ? { op: 'error', errno: 'EPERM' } : undefined,
    );
    expect(result).toMatchObject({ op: 'prepared', ownersKept: false });
    expect(ownerOf(stage)).toEqual([process.getuid?.(), 2345]);
  });

  needing(NOBODY)('and groups that may not be set leave those of this process, and that is told', () => {
    const stage = owned();
    lchownSync(join(stage.source, 'a'), 1234, 2345);
    const result = prepared(stage, (request) =>
      request.op === 'chown' ? { op: 'error', errno: 'EINVAL' } : undefined,
    );
    expect(result).toMatchObject({ op: 'prepared', ownersKept: false });
    expect(ownerOf(stage)).toEqual([process.getuid?.(), process.getgid?.()]);
  });
});

/** What a process of its own makes of a stage: it runs where this one can't. */
function elsewhere(prefix: readonly string[], stage: { source: string; target: string }): readonly string[] {
  const script = join(import.meta.dirname, '../../support/stage-once.ts');
  const [program = '', ...words] = [...prefix, process.execPath, script, stage.source, stage.target];
  return execFileSync(program, words, { encoding: 'utf8' }).trim().split('\n');
}

needing(NOBODY)(
  'another user than root stages what it may read, also a second time, from directories without w',
  () => {
    chmodSync(directory.path, 0o755);
    const stage = newStage();
    mkdirSync(join(stage.source, 'sub'));
    writeFileSync(join(stage.source, 'sub/a'), '1');
    chmodSync(join(stage.source, 'sub'), 0o555);
    chmodSync(stage.source, 0o555);
    for (const name of ['..rehup_1', '..rehup_2', '..rehup_3']) {
      chmodSync(stage.source, 0o755);
      writeFileSync(join(stage.source, 'b'), name);
      chmodSync(stage.source, 0o555);
      expect(elsewhere(NOBODY.prefix ?? [], stage)).toEqual(['opened', 'prepared', 'published', 'kept']);
      expect(namesIn(stage.target)).toEqual(['..data', '..good', name, 'b', 'sub']);
    }
    expect(lstatSync(join(stage.target, '..rehup_3/sub/a')).uid).toBe(65534);
    expect(lstatSync(join(stage.target, '..rehup_3/sub')).mode & 0o777).toBe(0o555);
    // A copy would belong to nobody, whom its mode keeps out.
    lchownSync(join(stage.source, 'b'), 0, 65534);
    chmodSync(join(stage.source, 'b'), 0o040);
    expect(elsewhere(NOBODY.prefix ?? [], stage)[1]).toMatch(
      /^failed .*source\/b: with the mode that it has .*EACCES/,
    );
    // Not writable, and not to be read.
    chmodSync(stage.target, 0o755);
    expect(elsewhere(NOBODY.prefix ?? [], stage)[0]).toMatch(
      /^refused .*\(EACCES\); make it one that this user may write in/,
    );
  },
);

needing(SMALL_TMPFS)('a target that is full says so, and still holds what it held', () => {
  const stage = newStage();
  writeFileSync(join(stage.source, 'a'), 'small');
  const script = join(import.meta.dirname, '../../support/stage-full.ts');
  const [program = '', ...words] = [...(SMALL_TMPFS.prefix ?? []), stage.target, process.execPath, script];
  const output = execFileSync(program, [...words, stage.source, stage.target], { encoding: 'utf8' });
  expect(output.trim().split('\n')).toEqual([
    'opened',
    'prepared',
    'published',
    'kept',
    expect.stringMatching(/^failed .*copy of .*\.\.rehup_2\/a failed \(ENOSPC\); give it room/),
    '..data,..good,..rehup_1,a small',
    'opened',
  ]);
});

describe('texts', () => {
  function captured(path: string, between?: Between) {
    const [reading] = drive(
      readWatches([{ path, capture: true }], () => false),
      between,
    );
    return reading?.status === 'read' ? reading : undefined;
  }

  test('are captured when that is asked for, with the digest of the same bytes', () => {
    const volume = writtenVolume(join(directory.path, 'v'), {
      A: 'one',
      'sub/B': Uint8Array.of(0, 10, 255),
      C: '',
    });
    const reading = captured(volume.path);
    expect(reading?.content.texts).toEqual(
      new Map([
        ['A', 'one'],
        ['C', ''],
        ['sub/B', '\0\n\xff'],
      ]),
    );
    const [plain] = drive(readWatches([{ path: volume.path }], () => false));
    expect(plain?.status === 'read' && plain.content.texts).toBeUndefined();
    expect(plain?.status === 'read' && plain.content.digest).toBe(reading?.content.digest);
    const known = reading?.known;
    const again = drive(
      readWatches(
        [known === undefined ? { path: '' } : { path: volume.path, known, capture: true }],
        () => false,
      ),
    );
    expect(again).toEqual([{ status: 'unchanged' }]);
  });

  test('end where no variable could hold more, and their file is still read whole', () => {
    const path = mkdtempSync(join(directory.path, 'p-'));
    writeFileSync(join(path, 'LONG'), 'x'.repeat(MOST_CAPTURED + 100_000));
    const content = captured(path)?.content;
    expect(content?.texts?.get('LONG')?.length).toBe(MOST_CAPTURED);
    expect(content?.files.get('LONG')?.size).toBe(MOST_CAPTURED + 100_000);
  });
});

test('nothing is left open after sources that vanish, can not be read, or are too large', () => {
  const stage = newStage();
  for (const name of ['a', 'b']) writeFileSync(join(stage.source, name), name.repeat(70_000));
  for (const errno of ['ENOENT', 'EACCES', 'EISDIR']) {
    for (const op of ['open', 'copy', 'status', 'names'] as const) {
      const { files, held } = countingFiles();
      const fails: Between = (request) =>
        request.op === op && (!('path' in request) || request.path === join(stage.source, 'b'))
          ? { op: 'error', errno }
          : undefined;
      const result = prepared(stage, fails, files);
      endLives(stage.target);
      expect([held(), ['prepared', 'failed']]).toEqual([0, expect.arrayContaining([result.op])]);
      open(stage);
    }
  }
});
