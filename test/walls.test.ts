import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInContext } from 'node:vm';
import { execaSync } from 'execa';
import { describe, expect, test } from 'vitest';
import { bundleNeutral, neutralContext } from '../scripts/build/neutral.ts';
import { breaches, importsOf } from './support/imports.ts';
import { arrowsUp, ROOMS, rings, tooFull, tooLong } from './support/rooms.ts';

/** The walls of the architecture, derived from the imports themselves and from what the engine is given. */

const ROOT = join(import.meta.dirname, '..');

/** The files below some folders of the repository, by their paths from its root. */
function sources(folders: readonly string[] = ['src'], endings = /\.ts$/): ReadonlyMap<string, string> {
  const files = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => endings.test(name))
      .map((name) => `${folder}/${name}`),
  );
  return new Map(files.map((name) => [name, readFileSync(join(ROOT, name), 'utf8')]));
}

describe('the imports', () => {
  test('go through no wall', () => {
    expect(sources().size).toBeGreaterThan(30);
    expect(breaches(sources())).toEqual([]);
  });

  const cases: Readonly<Record<string, string>> = {
    'core imports Node': "src/core/a.ts: import { readFileSync } from 'node:fs';",
    'core imports a package': "src/core/a.ts: import picomatch from 'picomatch';",
    'core imports the command line': "src/core/a.ts: export { parse } from '../cli/parse.ts';",
    'core imports a host, lazily': "src/core/a.ts: const host = await import('../node/files.ts');",
    'core imports for an effect': "src/core/a.ts: import 'node:process';",
    'core imports types over several lines': "src/core/a.ts: import {\n  type A,\n} from 'node:fs';",
    'the command line imports Node': "src/cli/a.ts: import process from 'node:process';",
    'the command line imports a package that is not pure': "src/cli/a.ts: import pino from 'pino';",
    'the command line imports a host': "src/cli/a.ts: import type { Log } from '../node/log.ts';",
    'a host imports another': "src/static/a.ts: import { spawn } from '../node/spawn.ts';",
    "the controller's core imports Node":
      "src/controller/core/a.ts: import { createHash } from 'node:crypto';",
    "the controller's core imports its host":
      "src/controller/core/a.ts: import { control } from '../host/control.ts';",
    'a port of Node imports the controller':
      "src/node/files.ts: import { control } from '../controller/host/control.ts';",
    'a port wires the engine': "src/node/files.ts: import { createEngine } from '../core/engine.ts';",
  };
  for (const [name, line] of Object.entries(cases)) {
    test(`that break a wall are found: ${name}`, () => {
      const [file = '', text = ''] = line.split(/: (.*)/s);
      expect(breaches(new Map([[file, text]]))).toHaveLength(1);
    });
  }

  test('that stay within the walls are not', () => {
    const fine = new Map([
      ['src/core/a.ts', "import { b } from './b.ts';\n// from 'node:fs' in a comment is no import"],
      ['src/cli/a.ts', "import { Command } from 'commander';\nimport { b } from '../core/b.ts';"],
      ['src/node/main.ts', "import { createEngine } from '../core/engine.ts';\nimport fs from 'node:fs';"],
    ]);
    expect(breaches(fine)).toEqual([]);
  });
});

describe('the rooms', () => {
  test('of the core import from the ground up', () => {
    expect(arrowsUp(sources())).toEqual([]);
  });

  test('of the core say in their main file what they are for and what they may not know', () => {
    // Of these two no file is more than the others.
    const main: Readonly<Record<string, string>> = { text: 'bytes', process: 'proc' };
    const silent = ROOMS.filter((room) => {
      const text = readFileSync(join(ROOT, `src/core/${room}/${main[room] ?? room}.ts`), 'utf8');
      return !new RegExp(`^/\\*\\n \\* Room \`${room}/\`: [^]*?\\bmay not\\b`, 'ims').test(text);
    });
    expect(silent).toEqual([]);
  });

  test("of the controller's core import from the ground up", () => {
    const up = [...sources(['src/controller/core/reading'])].flatMap(([file, text]) =>
      importsOf(file, text).filter((imported) => imported.startsWith('src/controller/core/planning/')),
    );
    expect(up).toEqual([]);
  });

  test('hold no files that import each other in a ring', () => {
    expect(rings(sources(['src', 'scripts', 'bench', 'test']))).toEqual([]);
  });

  test('hold no file that has become two', () => {
    expect(tooLong(sources(['src', 'bin', 'scripts', 'bench', 'test'], /\.(ts|mjs|c|h)$/))).toEqual([]);
  });

  test('are not so full that one loses the way', () => {
    expect(tooFull(sources(['src', 'scripts', 'bench'], /\.(ts|mjs|c|h)$/).keys())).toEqual([]);
  });

  test('that break a wall are found', () => {
    const up = new Map([
      ['src/core/text/a.ts', "import { b } from '../gate/b.ts';"],
      ['src/core/gate/b.ts', "import { c } from '../text/c.ts';"],
      ['src/core/gate/c.ts', "import { step } from '../step.ts';"],
      ['src/core/attic/d.ts', ''],
    ]);
    expect(arrowsUp(up)).toEqual([
      'src/core/attic/d.ts: in no room',
      'src/core/text/a.ts → src/core/gate/b.ts',
      'src/core/gate/c.ts → src/core/step.ts',
    ]);
    const ring = new Map([
      ['src/a.ts', "import { b } from './b.ts';"],
      ['src/b.ts', "export { c } from './c.ts';"],
      ['src/c.ts', "import type { A } from './a.ts';\nimport { d } from './d.ts';"],
      ['src/d.ts', ''],
    ]);
    expect(rings(ring)).toEqual(['src/a.ts, src/b.ts, src/c.ts']);
    expect(tooLong(new Map([['src/a.ts', 'a\n'.repeat(301)]]))).toEqual(['src/a.ts: 301 lines']);
    expect(tooFull([...Array(16).keys()].map((number) => `src/a/${number}.ts`))).toEqual(['src/a: 16 files']);
  });
});

test('core and cli use no global beyond ECMAScript 2023', () => {
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  const { exitCode, stdout } = execaSync(tsc, ['-p', join(ROOT, 'test/walls.tsconfig.json')], {
    reject: false,
  });
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
});

test('core and cli parse a command line and lead a child through its life in an engine that has nothing else', async () => {
  const script = await bundleNeutral({ file: join(ROOT, 'test/support/neutral-life.ts') });
  const context = neutralContext();
  runInContext(script, context);
  const report: unknown = JSON.parse(String(runInContext('JSON.stringify(rehup.life())', context)));
  expect(report).toEqual({
    help: true,
    refused: '--settle 5x: not a duration; use for example 250ms, 5s, 2m',
    performed: ['start app', 'signal 15 to 1', 'start app', 'signal 15 to 2', 'exit 7'],
    events: [
      'rehup.started',
      'child.started',
      'socket.left_out',
      'config.changed',
      'reload.started',
      'child.exited',
      'child.started',
      'reload.applied',
      'stop.requested',
      'child.exited',
    ],
  });
});
