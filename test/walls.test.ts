import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInContext } from 'node:vm';
import { execaSync } from 'execa';
import { describe, expect, test } from 'vitest';
import { bundleNeutral, neutralContext } from '../scripts/build/neutral.ts';
import { breaches } from './support/imports.ts';

/** The walls of the architecture, derived from the imports themselves and from what the engine is given. */

const ROOT = join(import.meta.dirname, '..');

function sources(): ReadonlyMap<string, string> {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  return new Map(files.map((name) => [`src/${name}`, readFileSync(join(ROOT, 'src', name), 'utf8')]));
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
      'child.started',
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
