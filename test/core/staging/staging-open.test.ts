import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { FileAnswer, FileRequest } from '../../../src/core/files/files.ts';
import type { Stage } from '../../../src/core/staging/stage.ts';
import { advance, emptyDirectory, namesIn, open, prepare, run } from '../../support/stages.ts';
import { eachWithDirectory, writtenVolume } from '../../support/volume.ts';

/** Specification 5, *stage*: which targets are taken, and that nothing of another one is touched. */

const directory = eachWithDirectory();
const at = (path: string) => join(directory.path, path);

function refusal(
  stages: readonly Stage[],
  answer?: (request: FileRequest) => FileAnswer | undefined,
): string {
  const result = run({ op: 'open', stages }, answer);
  if (result.op !== 'refused') throw new Error(`not refused: ${JSON.stringify(result)}`);
  const { stage, text } = result;
  return `${stage.source}=${stage.target}: ${text}`.replaceAll(directory.path, '');
}

function newStage(): Stage {
  writtenVolume(at('source'), { a: '1' });
  return { source: at('source'), target: emptyDirectory(at('target')) };
}

describe('a target that is refused', () => {
  test.each<[string, (target: string) => void]>([
    ['a file', (target) => writeFileSync(join(target, 'mine'), '')],
    ['a directory', (target) => mkdirSync(join(target, 'mine'))],
    ['a link elsewhere', (target) => symlinkSync('/etc/hostname', join(target, 'mine'))],
    ['a link to another key', (target) => symlinkSync('..data/other', join(target, 'mine'))],
    [
      'a name of somebody else that starts with two dots',
      (target) => writeFileSync(join(target, '..mine'), ''),
    ],
  ])('holds %s', (_name, make) => {
    const stage = newStage();
    make(stage.target);
    const before = namesIn(stage.target);
    expect(refusal([stage])).toMatch(
      /^\/source=\/target: \/target\/(\.\.)?mine was not put there by --stage; name a directory that is empty/,
    );
    expect(namesIn(stage.target)).toEqual(before);
  });

  test('is a volume of the kubelet, and nothing of it is removed', () => {
    const stage = newStage();
    writtenVolume(stage.target, { a: '1' });
    const before = namesIn(stage.target);
    expect(refusal([stage])).toMatch(/target\/\.\.\S+ was not put there by --stage/);
    expect(namesIn(stage.target)).toEqual(before);
  });

  test('has a file where a generation would be', () => {
    const stage = newStage();
    writeFileSync(join(stage.target, '..rehup_1'), '');
    expect(refusal([stage])).toContain('/target/..rehup_1 is no directory');
  });

  test('is refused before anything of another stage is removed', () => {
    const stage = newStage();
    mkdirSync(join(stage.target, '..rehup_7'));
    const other = { source: at('source'), target: emptyDirectory(at('other')) };
    writeFileSync(join(other.target, 'mine'), '');
    expect(refusal([stage, other])).toContain('/other/mine');
    expect(existsSync(join(stage.target, '..rehup_7'))).toBe(true);
  });

  test('is a file, or has no directory to be made in', () => {
    const stage = newStage();
    writeFileSync(at('file'), '');
    expect(refusal([{ ...stage, target: at('file') }])).toContain('/file is no directory');
    expect(refusal([{ ...stage, target: at('no/where') }])).toContain('neither the target nor its directory');
  });

  test.each(['EROFS', 'EACCES', 'EPERM'])('can not be written: %s', (errno) => {
    const stage = newStage();
    const answer = ({ op }: FileRequest): FileAnswer | undefined =>
      op === 'symlink' ? { op: 'error', errno } : undefined;
    expect(refusal([stage], answer)).toBe(
      `/source=/target: symlink of /target/..data_tmp failed (${errno}); ${
        errno === 'EROFS' ? 'mount an emptyDir there' : 'make it one that this user may write in'
      }`,
    );
  });
});

describe('places that are refused, links followed', () => {
  const apart = 'name directories that are apart';

  test('a target that is its source, lies in it, or holds it', () => {
    const { source, target } = newStage();
    symlinkSync(source, at('link'));
    expect(refusal([{ source, target: at('link') }])).toBe(
      `/source=/link: the target /link is the source /source; ${apart}`,
    );
    mkdirSync(join(source, 'sub'));
    expect(refusal([{ source, target: at('link/sub') }])).toContain(
      'the target /link/sub lies in the source',
    );
    expect(refusal([{ source, target: at('link/made') }])).toContain(
      'the target /link/made lies in the source',
    );
    expect(existsSync(join(source, 'made'))).toBe(false);
    mkdirSync(join(target, 'sub'));
    symlinkSync(join(target, 'sub'), at('deep'));
    expect(refusal([{ source: at('deep'), target }])).toContain(
      'the source /deep lies in the target /target',
    );
    expect(refusal([{ source: join(target, 'none'), target }])).toContain('lies in the target');
  });

  test('two targets that are the same, made or not, or lie in each other', () => {
    const { source, target } = newStage();
    symlinkSync(target, at('link'));
    mkdirSync(join(target, 'sub'));
    symlinkSync(directory.path, at('round'));
    for (const other of [at('link'), at('link/sub')]) {
      expect(
        refusal([
          { source, target },
          { source, target: other },
        ]),
      ).toContain('are the same or lie in each other');
    }
    const made = [
      { source, target: at('made') },
      { source, target: at('round/made') },
    ];
    expect(refusal(made)).toContain('are the same or lie in each other');
    expect(existsSync(at('made'))).toBe(false);
  });

  test('a target that is the source of another stage', () => {
    const { source, target } = newStage();
    const chain = [
      { source, target },
      { source: target, target: emptyDirectory(at('other')) },
    ];
    expect(refusal(chain)).toContain('the target /target is the source /target');
  });

  test('a source that is a file', () => {
    const { source, target } = newStage();
    expect(refusal([{ source: join(source, 'a'), target }])).toContain(
      '/source/a is no directory; name its directory',
    );
  });
});

describe('a source on tmpfs', () => {
  const made: string[] = [];
  afterEach(() => {
    for (const path of made.splice(0)) rmSync(path, { recursive: true });
  });
  function inMemory(): string {
    const path = mkdtempSync('/dev/shm/rehup-');
    made.push(path);
    return path;
  }

  test('is refused for a target on a disk, and staged to one on tmpfs', () => {
    const source = inMemory();
    writtenVolume(source, { key: 'secret' });
    const target = emptyDirectory(at('target'));
    expect(refusal([{ source, target }])).toContain(
      `${source} lies in memory and /target does not, and a Secret must not reach a disk; mount an emptyDir with medium: Memory there`,
    );
    const stage = { source, target: inMemory() };
    open(stage);
    expect(advance(stage)).toBe('..rehup_1');
  });

  test('that only appears later does not reach a disk either', () => {
    const stage = { source: at('source'), target: emptyDirectory(at('target')) };
    open(stage);
    const secret = inMemory();
    writeFileSync(join(secret, 'key'), 'secret');
    mkdirSync(stage.source);
    symlinkSync(join(secret, 'key'), join(stage.source, 'key'));
    const copies = [{ stage, request: { path: stage.source } }];
    const result = run({ op: 'prepare', copies });
    expect(result).toMatchObject({ op: 'failed', lasting: true });
    expect(result.op === 'failed' && result.reason).toMatch(/source\/key: it lies in memory and /);
    expect(namesIn(stage.target)).toEqual([]);
  });

  test('with a copy on tmpfs of what lies on a disk has equal digests all the same', () => {
    const stage = { source: at('source'), target: inMemory() };
    const secret = inMemory();
    writeFileSync(join(secret, 'key'), 'secret');
    mkdirSync(stage.source);
    writeFileSync(join(stage.source, 'plain'), '1');
    symlinkSync(join(secret, 'key'), join(stage.source, 'key'));
    const [prepared] = [run({ op: 'prepare', copies: [{ stage, request: { path: stage.source } }] })];
    const generation = prepared.op === 'prepared' ? prepared.generations[0] : undefined;
    run({ op: 'publish', generations: [{ stage, name: '..rehup_1' }] });
    expect(open(stage).active).toEqual(generation);
  });
});

describe('a target that is taken', () => {
  test('is made if its directory is there, and may hold lost+found', () => {
    const stage = { ...newStage(), target: at('made') };
    const umask = process.umask(0o077);
    open(stage);
    process.umask(umask);
    expect(lstatSync(stage.target).mode & 0o7777).toBe(0o755);
    mkdirSync(join(stage.target, 'lost+found'));
    advance(stage);
    open(stage);
    expect(namesIn(stage.target)).toEqual(['..data', '..good', '..rehup_1', 'a', 'lost+found']);
  });

  test('may be full: what is good may still be there', () => {
    const stage = newStage();
    const name = advance(stage);
    const full = (request: FileRequest): FileAnswer | undefined =>
      request.op === 'symlink' ? { op: 'error', errno: 'ENOSPC' } : undefined;
    expect(open(stage, full)).toMatchObject({ active: { name }, good: { name } });
  });

  test('needs no source that is there', () => {
    const stage = { ...newStage(), source: at('none') };
    expect(open(stage)).toMatchObject({ active: undefined, good: undefined });
  });

  test('loses what a crash left, and gets back the links that it lacks', () => {
    const stage = newStage();
    advance(stage);
    mkdirSync(join(stage.target, '..rehup_9/sub'), { recursive: true });
    symlinkSync('/etc', join(stage.target, '..rehup_9/sub/outside'));
    symlinkSync('..rehup_9', join(stage.target, '..data_tmp'));
    symlinkSync('..rehup_9', join(stage.target, '..good_tmp'));
    symlinkSync('..rehup_1', join(stage.target, '..back_tmp'));
    symlinkSync('..data/gone', join(stage.target, 'gone'));
    unlinkSync(join(stage.target, 'a'));
    open(stage);
    expect(namesIn(stage.target)).toEqual(['..data', '..good', '..rehup_1', 'a']);
    expect(readlinkSync(join(stage.target, 'a'))).toBe('..data/a');
    expect(existsSync('/etc/hostname')).toBe(true);
  });

  test('has no active generation if its directory is gone', () => {
    const stage = newStage();
    advance(stage);
    rmSync(join(stage.target, '..rehup_1'), { recursive: true });
    expect(open(stage)).toMatchObject({ active: undefined, good: undefined });
    expect(namesIn(stage.target)).toEqual([]);
    expect(prepare(stage)).toBe('..rehup_1');
  });
});
