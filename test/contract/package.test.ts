import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execaSync } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { disposeAll, rehup, witness } from '../support/rehup.ts';
import { AT_ONCE, writtenVolume } from '../support/volume.ts';

/** The npm package, as `npm pack` makes it, installed into a directory that knows nothing of this one. */

const ROOT = join(import.meta.dirname, '../..');
let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rehup-package-'));
  const packed = execaSync('npm', ['pack', '--json', '--pack-destination', directory], { cwd: ROOT });
  const [{ filename }]: [{ filename: string }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('[')));
  execaSync('npm', ['init', '--yes'], { cwd: directory });
  const options = ['--no-audit', '--no-fund', '--offline', '--ignore-scripts'];
  execaSync('npm', ['install', ...options, join(directory, filename)], { cwd: directory });
});

afterAll(async () => {
  await disposeAll();
  rmSync(directory, { recursive: true });
});

/** The Node that runs this test is the one that the launcher finds. */
const environment = { PATH: `${dirname(process.execPath)}:${process.env['PATH']}` };

test('the installed package does the main job on Node 26', async () => {
  const volume = writtenVolume(join(directory, 'volume'), { a: '1' });
  const child = witness(join(volume.path, 'a'), 'exit=7');
  const executable = join(directory, 'node_modules/.bin/rehup');
  const words = ['-w', volume.path, '--on-change', 'HUP', ...AT_ONCE, ...child];
  const run = rehup(words, { prefix: [], executable, environment });
  await run.said('start');
  volume.write({ a: '2' });
  expect(await run.said('SIGHUP')).toBe('SIGHUP 2');
  run.signal('SIGTERM');
  expect(await run.ended).toBe(7);
});

test('the installed package prints no warning and takes the words as they are', () => {
  const { stdout, stderr, exitCode } = execaSync(
    join(directory, 'node_modules/.bin/rehup'),
    ['--log-level', 'silent', 'sh', '-c', 'printf "%s|" "$@"; exit 3', 'sh', 'a b', '', '--watch'],
    { env: environment, reject: false },
  );
  expect({ stdout, stderr, exitCode }).toEqual({ stdout: 'a b||--watch|', stderr: '', exitCode: 3 });
});

test('the installed package is no single executable that could be copied, and says so', () => {
  const target = join(directory, 'copy');
  const { stderr, exitCode } = execaSync(join(directory, 'node_modules/.bin/rehup'), ['install', target], {
    env: environment,
    reject: false,
  });
  expect({ stderr, exitCode }).toEqual({
    stderr: `rehup: install ${target}: the npm package is no single executable that could be copied; take the static one of a release, or of its image`,
    exitCode: 125,
  });
  expect(existsSync(target)).toBe(false);
});
