import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { build, ROOT } from '../../scripts/build/product.ts';
import { asanExecutable } from '../../scripts/build/static.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { STATIC_HOST } from '../support/native.ts';
import { needing } from '../support/needing.ts';
import { script } from '../support/processes.ts';
import { rehup, STATIC_EXECUTABLE, witness } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory } from '../support/volume.ts';

/** Memory that runs out ends the static executable with one line and 125, wherever that is. */

const LINE =
  /^rehup: out of memory; raise the limit of the container, or of its processes \(ulimit -v, ulimit -d\)$/m;

const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

describe('the executable', () => {
  const test = needing(STATIC_EXECUTABLE, PID_NAMESPACE);

  /** Runs it on a directory of 300 files under a limit that prlimit(1) sets; what it ended with and what it said last. */
  function limited(limit: string): { readonly status: number | null; readonly last: string } {
    const words = [limit, '--', join(ROOT, 'dist/rehup'), '-w', here('watched'), '--check', 'true', 'true'];
    const { status, stderr } = spawnSync('prlimit', words, { encoding: 'utf8' });
    return { status, last: stderr.trim().split('\n').at(-1) ?? '' };
  }

  function manyFiles(): void {
    mkdirSync(here('watched'));
    for (let file = 0; file < 300; file++) writeFileSync(here(`watched/file-with-a-long-name-${file}`), 'x');
  }

  test('says so at every limit of the address space at which it can not start or look', () => {
    manyFiles();
    const codes = new Set<number | null>();
    for (let size = 1200; size < 4000; size += 40) {
      const { status, last } = limited(`--as=${size * 1024}`);
      // Where the executable itself does not fit, the kernel does not get it started.
      if (status === null && codes.size === 0 && size < 1800) continue;
      codes.add(status);
      if (status === 0) continue;
      expect({ size, status }).toEqual({ size, status: 125 });
      expect(last).toMatch(/^rehup: (out of memory; raise|.*\(ENOMEM\))/);
    }
    expect([...codes]).toEqual([125, 0]);
  });

  test('says so at a limit of data, and of the stack', () => {
    manyFiles();
    const { status, last } = limited(`--data=${1024 * 1024}`);
    expect(last).toMatch(LINE);
    expect(status).toBe(125);
    expect(limited('--stack=65536')).toEqual({
      status: 125,
      last: 'rehup: a stack of less than 128 KiB; raise the limit (ulimit -s)',
    });
    expect(limited('--stack=131072').status).toBe(0);
  });

  test('says so when memory runs out in the middle of life', async () => {
    mkdirSync(here('watched'));
    const run = rehup([
      '-w',
      here('watched'),
      '--allow-empty',
      // No other child is started: that one would have the limit from its beginning.
      '--on-change',
      'HUP',
      ...AT_ONCE,
      '--settle',
      '0',
      ...witness('/dev/null'),
    ]);
    await run.said('start');
    const status = readFileSync(`/proc/${run.pid()}/status`, 'utf8');
    const size = Number(/VmSize:\s*(\d+) kB/.exec(status)?.[1]) * 1024;
    // Enough for opendir(3), which would only fail the look, and less than a piece of the engine's.
    expect(spawnSync('prlimit', [`--pid=${run.pid()}`, `--as=${size + 64 * 1024}`]).status).toBe(0);
    for (let file = 0; file < 5000; file++) {
      writeFileSync(here(`watched/${'long'.repeat(50)}-${file}`), 'x');
      // What is told of the first ones is read meanwhile: on a pipe that is full the last line would have no room.
      if (file % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await run.ended).toBe(125);
    expect(run.errors()).toMatch(LINE);
  });
});

describe('with every way by which memory is asked for', () => {
  const test = needing(STATIC_HOST, PID_NAMESPACE);

  /** All of them take some minutes. */
  const EVERY = process.env['REHUP_SOAK'] === '1' ? 1 : 40;

  test('failing in turn, a life with a start, a look, a stage and a check ends with the line', async () => {
    expect(await build(asanExecutable())).not.toContain('left out');
    const application = script(
      here('application'),
      `trap 'exit 7' HUP
ln -s ..two '${here('volume')}/..data_tmp'
mv -T '${here('volume')}/..data_tmp' '${here('volume')}/..data'
while kill -0 $PPID; do sleep 0.01; done 2>/dev/null`,
    );
    let lives = 0;

    function life(environment: Readonly<Record<string, string>>) {
      lives += 1;
      spawnSync('rm', ['-rf', here('volume'), here(`target${lives - 1}`)]);
      for (const generation of ['..one', '..two']) {
        mkdirSync(here(`volume/${generation}/sub`), { recursive: true });
        writeFileSync(here(`volume/${generation}/key`), generation);
        writeFileSync(here(`volume/${generation}/sub/${generation === '..one' ? 'käy' : 'other'}`), 'x');
      }
      symlinkSync('..one', here('volume/..data'));
      for (const name of ['key', 'sub']) symlinkSync(`..data/${name}`, here(`volume/${name}`));
      const stage = `${here('volume')}=${here(`target${lives}`)}`;
      const options = [
        '--check',
        'sh -c "echo checked; cat {dir}/key"',
        '--on-change',
        'HUP',
        '--settle',
        '0',
      ];
      const words = ['--stage', stage, ...options, ...AT_ONCE, '--', application];
      const { status, stderr } = spawnSync(join(ROOT, 'dist/rehup-asan'), words, {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'], ...environment },
        timeout: 120_000,
      });
      return { status, stderr };
    }

    expect(life({ REHUP_TEST_SITES: here('sites') })).toMatchObject({ status: 7 });
    const sites = readFileSync(here('sites'), 'utf8').trim().split('\n');
    expect(sites.length).toBeGreaterThan(300);
    for (const site of sites.filter((_, index) => index % EVERY === 0)) {
      const { status, stderr } = life({ REHUP_TEST_FAILS: site });
      expect({ site, status, said: LINE.test(stderr) }, stderr).toEqual({ site, status: 125, said: true });
    }
  }, 600_000);
});
